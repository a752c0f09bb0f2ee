// ECDSA and ECDH.

import {
  ecDerive,
  ecGenerate,
  ecImportPrivate,
  ecImportPublic,
  ecPoint,
  ecPublic,
  ecSecret,
  ecSign,
  ecVerify,
  readEc,
  readPkcs8,
  readSpki,
  wipe,
  writeEc,
  writePkcs8,
  writeSpki,
} from 'fn:crypto'
import { concatBytes } from '../fetch/blob.js'
import { primordialGlobals } from '../idl/primordials.js'
import { firstBits } from './crypto-bits.js'
import { native } from './crypto-hashes.js'
import { checkUsages, DERIVE_BITS, DERIVE_KEY, fail, SIGN, VERIFY } from './crypto-idl.js'
import { checkJwk, decode, encode, finishJwk } from './crypto-jwk.js'
import { makeKey, needType, slotsOf } from './crypto-key.js'

const { Uint8Array } = primordialGlobals

/** Bytes of a coordinate, and the JWS algorithm. */
const sizes = { __proto__: null, 'P-256': 32, 'P-384': 48, 'P-521': 66 }
const jwsNames = { __proto__: null, 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }

/** A coordinate or the secret, which in a JWK always has the size of the curve. */
function decodeNumber(jwk, name, curve) {
  const bytes = decode(jwk, name)
  if (bytes.length !== sizes[curve]) throw fail('DataError', `the key's ${name} has a wrong length`)
  return bytes
}

function importJwk(jwk, curve) {
  if (jwk.crv !== curve) throw fail('DataError', `the key is not on the curve ${curve}`)
  const x = decodeNumber(jwk, 'x', curve)
  const y = decodeNumber(jwk, 'y', curve)
  const point = concatBytes([new Uint8Array([4]), x, y])
  if (jwk.d === undefined) return ecImportPublic(curve, point)
  const d = decodeNumber(jwk, 'd', curve)
  const material = ecImportPrivate(curve, d, point)
  wipe(d)
  return material
}

function keyOf(envelope, curve) {
  const { 0: algorithm, 1: params, 2: key } = envelope
  if (algorithm !== 'ec' || params !== curve)
    throw fail('DataError', `the key is not on the curve ${curve}`)
  return key
}

function importPkcs8(data, curve) {
  const key = keyOf(readPkcs8(data), curve)
  const { 0: params, 1: secret, 2: point } = readEc(key)
  wipe(key)
  if (params !== 'none' && params !== curve) throw fail('DataError', 'the key names two curves')
  const material = ecImportPrivate(curve, secret, point)
  wipe(secret)
  return material
}

function exportJwk({ material, namedCurve, type, usages, extractable }) {
  const point = ecPoint(material)
  const size = sizes[namedCurve]
  const x = encode(new Uint8Array(point, 1, size))
  const y = encode(new Uint8Array(point, 1 + size, size))
  const jwk = { kty: 'EC', crv: namedCurve, x, y }
  if (type === 'private') {
    const secret = ecSecret(material)
    jwk.d = encode(secret)
    wipe(secret)
  }
  return finishJwk(jwk, usages, extractable)
}

function exportPkcs8(material, curve) {
  const secret = ecSecret(material)
  const key = writeEc(secret, ecPoint(material))
  const envelope = writePkcs8('ec', curve, key)
  wipe(secret)
  wipe(key)
  return envelope
}

function exportKey(format, key) {
  const slots = slotsOf(key)
  if (format === 'jwk') return exportJwk(slots)
  if (slots.type !== (format === 'pkcs8' ? 'private' : 'public')) {
    throw fail('InvalidAccessError', `a ${slots.type} key has no format ${format}`)
  }
  const { material, namedCurve } = slots
  if (format === 'raw') return ecPoint(material)
  if (format === 'spki') return writeSpki('ec', namedCurve, ecPoint(material))
  return exportPkcs8(material, namedCurve)
}

function checkCurve(curve, error) {
  if (sizes[curve] === undefined) throw fail(error, `unknown curve '${curve}'`)
}

function ec(forPublic, forPrivate, isForSigning, operations) {
  const make = (type, extractable, usages, material, { name, namedCurve }) =>
    makeKey(type, extractable, usages, material, { __proto__: null, name, namedCurve })

  function fromJwk(jwk, { name, namedCurve }, extractable, usages) {
    checkUsages(usages, jwk.d === undefined ? forPublic : forPrivate, name)
    checkJwk(jwk, 'EC', isForSigning ? 'sig' : 'enc', extractable, usages)
    if (isForSigning && jwk.alg !== undefined && jwk.alg !== jwsNames[namedCurve]) {
      throw fail('DataError', `the key is for ${jwk.alg}`)
    }
    return importJwk(jwk, namedCurve)
  }

  function importAs(format, data, algorithm, extractable, usages) {
    const { name, namedCurve } = algorithm
    if (format === 'jwk') return fromJwk(data, algorithm, extractable, usages)
    checkUsages(usages, format === 'pkcs8' ? forPrivate : forPublic, name)
    if (format === 'raw') return ecImportPublic(namedCurve, data)
    if (format === 'spki') return ecImportPublic(namedCurve, keyOf(readSpki(data), namedCurve))
    return importPkcs8(data, namedCurve)
  }

  return {
    __proto__: null,
    generateKey(algorithm, extractable, usages) {
      checkUsages(usages, forPublic | forPrivate, algorithm.name)
      checkCurve(algorithm.namedCurve, 'NotSupportedError')
      const material = ecGenerate(algorithm.namedCurve)
      const publicKey = ecPublic(material)
      return {
        publicKey: make('public', true, usages & forPublic, publicKey, algorithm),
        privateKey: make('private', extractable, usages & forPrivate, material, algorithm),
      }
    },
    importKey(format, data, algorithm, extractable, usages) {
      checkCurve(algorithm.namedCurve, 'NotSupportedError')
      const material = importAs(format, data, algorithm, extractable, usages)
      const isPrivate = format === 'pkcs8' || (format === 'jwk' && data.d !== undefined)
      return make(isPrivate ? 'private' : 'public', extractable, usages, material, algorithm)
    },
    exportKey,
    ...operations,
  }
}

const ecdsa = ec(VERIFY, SIGN, true, {
  __proto__: null,
  sign({ hash }, key, data) {
    return ecSign(needType(key, 'private').material, native(hash), data)
  },
  verify({ hash }, key, signature, data) {
    return ecVerify(needType(key, 'public').material, native(hash), data, signature)
  },
})

const ecdh = ec(0, DERIVE_KEY | DERIVE_BITS, false, {
  __proto__: null,
  deriveBits(algorithm, key, length) {
    const own = needType(key, 'private')
    const peer = needType(algorithm.public, 'public')
    if (peer.name !== own.name || peer.namedCurve !== own.namedCurve) {
      throw fail('InvalidAccessError', 'the keys are of different curves')
    }
    return firstBits(ecDerive(own.material, peer.material), length)
  },
})

export const algorithms = { __proto__: null, ECDSA: ecdsa, ECDH: ecdh }
