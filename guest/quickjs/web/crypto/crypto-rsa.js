// RSASSA-PKCS1-v1_5, RSA-PSS and RSA-OAEP.

import {
  oaepDecrypt,
  oaepEncrypt,
  pssSign,
  pssVerify,
  readPkcs8,
  readSpki,
  rsaGenerate,
  rsaImportNumbers,
  rsaImportPrivate,
  rsaImportPublic,
  rsaNumbers,
  rsaPublic,
  rsaSign,
  rsaVerify,
  rsaWrite,
  wipe,
  writePkcs8,
  writeSpki,
} from 'fn:crypto'
import { primordialGlobals } from '../idl/primordials.js'
import { native } from './crypto-hashes.js'
import { checkUsages, DECRYPT, ENCRYPT, fail, SIGN, UNWRAP, VERIFY, WRAP } from './crypto-idl.js'
import { checkJwk, decode, encode, finishJwk } from './crypto-jwk.js'
import { makeKey, needType, slotsOf } from './crypto-key.js'

const { Uint8Array } = primordialGlobals

/** In the order that fn:crypto uses. */
const NUMBERS = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi']
const MAX_EXPONENT = 2 ** 31 - 1
const MIN_BITS = 1024
const MAX_BITS = 8192

const jwsName = (prefix) => (hash) => (hash === 'SHA-1' ? `${prefix}1` : `${prefix}${bitsOf(hash)}`)
const oaepName = (hash) => (hash === 'SHA-1' ? 'RSA-OAEP' : `RSA-OAEP-${bitsOf(hash)}`)
const bitsOf = (hash) => (hash === 'SHA-256' ? 256 : hash === 'SHA-384' ? 384 : 512)

/** The public exponent as a number; 0, which is invalid, when it is too large. */
function exponentOf(bytes) {
  let number = 0
  for (let i = 0; i < bytes.length; i++) {
    number = number * 256 + bytes[i]
    if (number > MAX_EXPONENT) return 0
  }
  return number
}

/** Refuses keys that are too weak or would take too much work. */
function checkSize(bits, exponent) {
  const isRight = bits >= MIN_BITS && bits <= MAX_BITS && bits % 2 === 0
  if (!isRight || exponent < 3 || exponent % 2 === 0) {
    throw fail('OperationError', 'RSA keys with these parameters are not supported')
  }
}

function keyOf(envelope) {
  const { 0: algorithm, 1: params, 2: key } = envelope
  if (algorithm !== 'rsa' || (params !== 'null' && params !== 'none')) {
    throw fail('DataError', 'the key is not an RSA key')
  }
  return key
}

/** How many of its private numbers a JWK contains. */
function privateNumbers(jwk) {
  let count = 0
  for (let i = 2; i < NUMBERS.length; i++) {
    if (jwk[NUMBERS[i]] !== undefined) count++
  }
  return count
}

function importNumbers(jwk) {
  if (jwk.oth !== undefined)
    throw fail('NotSupportedError', 'keys of more than two primes are not supported')
  const count = privateNumbers(jwk)
  const n = decode(jwk, 'n')
  const e = decode(jwk, 'e')
  if (jwk.d === undefined) return rsaImportNumbers(n, e)
  const d = decode(jwk, 'd')
  if (count === 1) return rsaImportNumbers(n, e, d)
  const rest = [decode(jwk, 'p'), decode(jwk, 'q'), decode(jwk, 'dp'), decode(jwk, 'dq')]
  return rsaImportNumbers(n, e, d, rest[0], rest[1], rest[2], rest[3], decode(jwk, 'qi'))
}

function exportJwk(slots, alg) {
  const numbers = rsaNumbers(slots.material)
  const jwk = { kty: 'RSA', alg }
  for (let i = 0; i < numbers.length; i++) {
    jwk[NUMBERS[i]] = encode(numbers[i])
    wipe(numbers[i])
  }
  return finishJwk(jwk, slots.usages, slots.extractable)
}

function exportKey(format, key, nameOf) {
  const slots = slotsOf(key)
  if (format === 'jwk') return exportJwk(slots, nameOf(slots.hash))
  if (format !== 'spki' && format !== 'pkcs8') {
    throw fail('NotSupportedError', `RSA keys have no format ${format}`)
  }
  if (slots.type !== (format === 'spki' ? 'public' : 'private')) {
    throw fail('InvalidAccessError', `a ${slots.type} key has no format ${format}`)
  }
  const write = format === 'spki' ? writeSpki : writePkcs8
  return write('rsa', 'null', rsaWrite(slots.material))
}

/** `forPublic`, `forPrivate`: the usages of each half; `nameOf`: the JWK algorithm of a hash. */
function rsa(forPublic, forPrivate, use, nameOf, operations) {
  const make = (type, extractable, usages, material, { name, hash }) =>
    makeKey(type, extractable, usages, material, { __proto__: null, name, hash, rsa: true })

  function fromJwk(jwk, { name, hash }, extractable, usages) {
    const type = jwk.d === undefined ? 'public' : 'private'
    checkUsages(usages, type === 'public' ? forPublic : forPrivate, name)
    checkJwk(jwk, 'RSA', use, extractable, usages)
    if (jwk.alg !== undefined && jwk.alg !== nameOf(hash)) {
      throw fail('DataError', `the key is for ${jwk.alg}`)
    }
    return { __proto__: null, type, material: importNumbers(jwk) }
  }

  function fromDer(format, data, { name }, usages) {
    if (format === 'spki') {
      checkUsages(usages, forPublic, name)
      const material = rsaImportPublic(keyOf(readSpki(data)))
      return { __proto__: null, type: 'public', material }
    }
    if (format !== 'pkcs8') throw fail('NotSupportedError', `RSA keys have no format ${format}`)
    checkUsages(usages, forPrivate, name)
    const key = keyOf(readPkcs8(data))
    const material = rsaImportPrivate(key)
    wipe(key)
    return { __proto__: null, type: 'private', material }
  }

  return {
    __proto__: null,
    generateKey(algorithm, extractable, usages) {
      const { name, modulusLength, publicExponent } = algorithm
      checkUsages(usages, forPublic | forPrivate, name)
      const exponent = exponentOf(publicExponent)
      checkSize(modulusLength, exponent)
      // Checked first, because generating the key takes long.
      if (!(usages & forPrivate)) throw fail('SyntaxError', 'the private key has no usages')
      const material = rsaGenerate(modulusLength, exponent)
      const publicKey = rsaPublic(material)
      return {
        publicKey: make('public', true, usages & forPublic, publicKey, algorithm),
        privateKey: make('private', extractable, usages & forPrivate, material, algorithm),
      }
    },
    importKey(format, data, algorithm, extractable, usages) {
      const { type, material } =
        format === 'jwk'
          ? fromJwk(data, algorithm, extractable, usages)
          : fromDer(format, data, algorithm, usages)
      return make(type, extractable, usages, material, algorithm)
    },
    exportKey: (format, key) => exportKey(format, key, nameOf),
    ...operations,
  }
}

const rsassa = rsa(VERIFY, SIGN, 'sig', jwsName('RS'), {
  __proto__: null,
  sign(_, key, data) {
    const { material, hash } = needType(key, 'private')
    return rsaSign(material, native(hash), data)
  },
  verify(_, key, signature, data) {
    const { material, hash } = needType(key, 'public')
    return rsaVerify(material, native(hash), data, 0, signature)
  },
})

const rsaPss = rsa(VERIFY, SIGN, 'sig', jwsName('PS'), {
  __proto__: null,
  sign({ saltLength }, key, data) {
    const { material, hash } = needType(key, 'private')
    return pssSign(material, native(hash), data, saltLength)
  },
  verify({ saltLength }, key, signature, data) {
    const { material, hash } = needType(key, 'public')
    return pssVerify(material, native(hash), data, saltLength, signature)
  },
})

const NOTHING = new Uint8Array(0)

const rsaOaep = rsa(ENCRYPT | WRAP, DECRYPT | UNWRAP, 'enc', oaepName, {
  __proto__: null,
  encrypt({ label = NOTHING }, key, data) {
    const { material, hash } = needType(key, 'public')
    return oaepEncrypt(material, native(hash), data, label)
  },
  decrypt({ label = NOTHING }, key, data) {
    const { material, hash } = needType(key, 'private')
    return oaepDecrypt(material, native(hash), data, label)
  },
})

export const algorithms = {
  __proto__: null,
  'RSASSA-PKCS1-v1_5': rsassa,
  'RSA-PSS': rsaPss,
  'RSA-OAEP': rsaOaep,
}
