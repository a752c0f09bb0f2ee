// Ed25519 and X25519.

import {
  edGenerate,
  edImportPrivate,
  edImportPublic,
  edPublic,
  edSecret,
  edSign,
  edVerify,
  readOctets,
  readPkcs8,
  readSpki,
  wipe,
  writeOctets,
  writePkcs8,
  writeSpki,
  xDerive,
  xGenerate,
  xImportPrivate,
  xImportPublic,
  xPublic,
  xSecret,
} from 'fn:crypto'
import { primordialGlobals } from '../idl/primordials.js'
import { firstBits } from './crypto-bits.js'
import { checkUsages, DERIVE_BITS, DERIVE_KEY, fail, SIGN, VERIFY } from './crypto-idl.js'
import { checkJwk, decode, encode, finishJwk } from './crypto-jwk.js'
import { makeKey, needType, slotsOf } from './crypto-key.js'

const { Uint8Array } = primordialGlobals

const ed = {
  __proto__: null,
  oid: 'ed25519',
  use: 'sig',
  forPublic: VERIFY,
  forPrivate: SIGN,
  generate: edGenerate,
  importPublic: edImportPublic,
  importPrivate: edImportPrivate,
  publicBytes: edPublic,
  secretBytes: edSecret,
}
const x = {
  __proto__: null,
  oid: 'x25519',
  use: 'enc',
  forPublic: 0,
  forPrivate: DERIVE_KEY | DERIVE_BITS,
  generate: xGenerate,
  importPublic: xImportPublic,
  importPrivate: xImportPrivate,
  publicBytes: xPublic,
  secretBytes: xSecret,
}

function keyOf(envelope, oid) {
  const { 0: algorithm, 1: params, 2: key } = envelope
  if (algorithm !== oid || params !== 'none')
    throw fail('DataError', `the key is not a key of ${oid}`)
  return key
}

function sameBytes(a, b) {
  let different = a.length ^ b.length
  for (let i = 0; i < a.length; i++) different |= a[i] ^ b[i]
  return different === 0
}

function importJwk(curve, jwk, name, extractable, usages) {
  checkUsages(usages, jwk.d === undefined ? curve.forPublic : curve.forPrivate, name)
  checkJwk(jwk, 'OKP', curve.use, extractable, usages)
  if (jwk.crv !== name) throw fail('DataError', `the key is not a key of ${name}`)
  const { alg } = jwk
  if (curve === ed && alg !== undefined && alg !== 'Ed25519' && alg !== 'EdDSA') {
    throw fail('DataError', `the key is for ${alg}`)
  }
  const point = decode(jwk, 'x')
  if (jwk.d === undefined) return curve.importPublic(point)
  const secret = decode(jwk, 'd')
  const material = curve.importPrivate(secret)
  wipe(secret)
  if (!sameBytes(new Uint8Array(curve.publicBytes(material)), point)) {
    throw fail('DataError', 'the halves of the key do not belong together')
  }
  return material
}

function importPkcs8(curve, data) {
  const key = keyOf(readPkcs8(data), curve.oid)
  const secret = readOctets(key)
  const material = curve.importPrivate(secret)
  wipe(key)
  wipe(secret)
  return material
}

function exportJwk(curve, { material, name, type, usages, extractable }) {
  const jwk = { kty: 'OKP', crv: name, x: encode(curve.publicBytes(material)) }
  if (curve === ed) jwk.alg = 'Ed25519'
  if (type === 'private') {
    const secret = curve.secretBytes(material)
    jwk.d = encode(secret)
    wipe(secret)
  }
  return finishJwk(jwk, usages, extractable)
}

function exportPkcs8(curve, material) {
  const secret = curve.secretBytes(material)
  const key = writeOctets(secret)
  const envelope = writePkcs8(curve.oid, 'none', key)
  wipe(secret)
  wipe(key)
  return envelope
}

function exportKey(curve, format, key) {
  const slots = slotsOf(key)
  if (format === 'jwk') return exportJwk(curve, slots)
  if (slots.type !== (format === 'pkcs8' ? 'private' : 'public')) {
    throw fail('InvalidAccessError', `a ${slots.type} key has no format ${format}`)
  }
  if (format === 'pkcs8') return exportPkcs8(curve, slots.material)
  const bytes = curve.publicBytes(slots.material)
  return format === 'raw' ? bytes : writeSpki(curve.oid, 'none', bytes)
}

function importAs(curve, format, data, name, extractable, usages) {
  if (format === 'jwk') return importJwk(curve, data, name, extractable, usages)
  checkUsages(usages, format === 'pkcs8' ? curve.forPrivate : curve.forPublic, name)
  if (format === 'raw') return curve.importPublic(data)
  if (format === 'spki') return curve.importPublic(keyOf(readSpki(data), curve.oid))
  return importPkcs8(curve, data)
}

function okp(curve, operations) {
  const { forPublic, forPrivate } = curve
  return {
    __proto__: null,
    generateKey({ name }, extractable, usages) {
      checkUsages(usages, forPublic | forPrivate, name)
      const algorithm = { __proto__: null, name }
      const material = curve.generate()
      const publicKey = curve.importPublic(curve.publicBytes(material))
      return {
        publicKey: makeKey('public', true, usages & forPublic, publicKey, algorithm),
        privateKey: makeKey('private', extractable, usages & forPrivate, material, algorithm),
      }
    },
    importKey(format, data, { name }, extractable, usages) {
      const material = importAs(curve, format, data, name, extractable, usages)
      const isPrivate = format === 'pkcs8' || (format === 'jwk' && data.d !== undefined)
      const type = isPrivate ? 'private' : 'public'
      return makeKey(type, extractable, usages, material, { __proto__: null, name })
    },
    exportKey: (format, key) => exportKey(curve, format, key),
    ...operations,
  }
}

const ed25519 = okp(ed, {
  __proto__: null,
  sign: (_, key, data) => edSign(needType(key, 'private').material, data),
  verify: (_, key, signature, data) => edVerify(needType(key, 'public').material, data, signature),
})

const x25519 = okp(x, {
  __proto__: null,
  deriveBits(algorithm, key, length) {
    const own = needType(key, 'private')
    const peer = needType(algorithm.public, 'public')
    if (peer.name !== own.name) {
      throw fail('InvalidAccessError', 'the keys are of different curves')
    }
    return firstBits(xDerive(own.material, peer.material), length)
  },
})

export const algorithms = { __proto__: null, Ed25519: ed25519, X25519: x25519 }
