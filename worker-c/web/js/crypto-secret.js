// AES, HMAC, HKDF and PBKDF2: algorithms whose key is a string of bytes.

import {
  cbcDecrypt,
  cbcEncrypt,
  ctrCrypt,
  gcmDecrypt,
  gcmEncrypt,
  hkdf as hkdfBits,
  hmacSign,
  hmacVerify,
  kwUnwrap,
  kwWrap,
  pbkdf2 as pbkdf2Bits,
  randomBytes,
  secretBytes,
  secretKey,
  wipe,
} from 'fn:crypto'
import { native } from './crypto-hashes.js'
import {
  checkUsages,
  DECRYPT,
  DERIVE_BITS,
  DERIVE_KEY,
  ENCRYPT,
  fail,
  SIGN,
  UNWRAP,
  VERIFY,
  WRAP,
} from './crypto-idl.js'
import { checkJwk, decode, encode, finishJwk } from './crypto-jwk.js'
import { makeKey, slotsOf } from './crypto-key.js'
import { primordialGlobals, TypedArrayPrototypeGetByteLength } from './primordials.js'

const { TypeError, Uint8Array } = primordialGlobals
const NOTHING = new Uint8Array(0)
const BLOCK = 16

/** Moves bytes that nobody else has into a key. */
function moveToKey(bytes) {
  const material = secretKey(bytes)
  wipe(bytes)
  return material
}

function exportSecret(format, key, alg) {
  const { material, usages, extractable } = slotsOf(key)
  if (format === 'raw') return secretBytes(material)
  if (format !== 'jwk') throw fail('NotSupportedError', `this key has no format ${format}`)
  const bytes = secretBytes(material)
  const jwk = finishJwk({ kty: 'oct', k: encode(bytes), alg }, usages, extractable)
  wipe(bytes)
  return jwk
}

/** The bytes of a key in one of the two formats that it can have. */
function readSecret(format, data, use, extractable, usages) {
  if (format === 'raw') return data
  if (format !== 'jwk') throw fail('NotSupportedError', `such a key has no format ${format}`)
  checkJwk(data, 'oct', use, extractable, usages)
  return decode(data, 'k')
}

const isAesLength = (bits) => bits === 128 || bits === 192 || bits === 256

/** What the modes of AES have in common; `suffix` as in the JWK algorithm `A128GCM`. */
function aes(suffix, allowed, operations) {
  return {
    __proto__: null,
    generateKey({ name, length }, extractable, usages) {
      checkUsages(usages, allowed, name)
      if (!isAesLength(length)) throw fail('OperationError', `AES has no key of ${length} bits`)
      const material = moveToKey(randomBytes(length / 8))
      return makeKey('secret', extractable, usages, material, { __proto__: null, name, length })
    },
    importKey(format, data, { name }, extractable, usages) {
      checkUsages(usages, allowed, name)
      const bytes = readSecret(format, data, 'enc', extractable, usages)
      const length = TypedArrayPrototypeGetByteLength(bytes) * 8
      if (!isAesLength(length)) throw fail('DataError', `AES has no key of ${length} bits`)
      if (format === 'jwk' && data.alg !== undefined && data.alg !== `A${length}${suffix}`) {
        throw fail('DataError', `the key is for ${data.alg}`)
      }
      const material = moveToKey(bytes)
      return makeKey('secret', extractable, usages, material, { __proto__: null, name, length })
    },
    exportKey: (format, key) => exportSecret(format, key, `A${slotsOf(key).length}${suffix}`),
    keyLength({ length }) {
      if (!isAesLength(length)) throw fail('OperationError', `AES has no key of ${length} bits`)
      return length
    },
    ...operations,
  }
}

const CIPHER = ENCRYPT | DECRYPT | WRAP | UNWRAP

function ctr({ counter, length }, key, data) {
  if (TypedArrayPrototypeGetByteLength(counter) !== BLOCK || length === 0 || length > 128) {
    throw fail('OperationError', 'the counter is not of 16 bytes, 1 to 128 bits of them counting')
  }
  return ctrCrypt(slotsOf(key).material, data, counter, length)
}

export const aesCtr = aes('CTR', CIPHER, { __proto__: null, encrypt: ctr, decrypt: ctr })

const cbc =
  (crypt) =>
  ({ iv }, key, data) => {
    if (TypedArrayPrototypeGetByteLength(iv) !== BLOCK) {
      throw fail('OperationError', 'the iv is not of 16 bytes')
    }
    return crypt(slotsOf(key).material, data, iv)
  }

export const aesCbc = aes('CBC', CIPHER, {
  __proto__: null,
  encrypt: cbc(cbcEncrypt),
  decrypt: cbc(cbcDecrypt),
})

const isTagLength = (bits) =>
  bits === 32 || bits === 64 || (bits >= 96 && bits <= 128 && bits % 8 === 0)

const gcm =
  (crypt) =>
  ({ iv, additionalData = NOTHING, tagLength = 128 }, key, data) => {
    if (!isTagLength(tagLength)) {
      throw fail('OperationError', `AES-GCM has no tag of ${tagLength} bits`)
    }
    return crypt(slotsOf(key).material, data, iv, additionalData, tagLength / 8)
  }

export const aesGcm = aes('GCM', CIPHER, {
  __proto__: null,
  encrypt: gcm(gcmEncrypt),
  decrypt: gcm(gcmDecrypt),
})

export const aesKw = aes('KW', WRAP | UNWRAP, {
  __proto__: null,
  wrapKey: (_, key, data) => kwWrap(slotsOf(key).material, data),
  unwrapKey: (_, key, data) => kwUnwrap(slotsOf(key).material, data),
})

const blockBits = (hash) => (hash === 'SHA-1' || hash === 'SHA-256' ? 512 : 1024)
const jwsNames = {
  __proto__: null,
  'SHA-1': 'HS1',
  'SHA-256': 'HS256',
  'SHA-384': 'HS384',
  'SHA-512': 'HS512',
}

/** The length in bits that an imported key is to have. */
function hmacLength(bytes, wanted) {
  const bits = TypedArrayPrototypeGetByteLength(bytes) * 8
  if (bits === 0) throw fail('DataError', 'the key is empty')
  if (wanted === undefined) return bits
  if (wanted > bits || wanted <= bits - 8) {
    throw fail('DataError', `the key is not of ${wanted} bits`)
  }
  return wanted
}

export const hmac = {
  __proto__: null,
  generateKey({ name, hash, length = blockBits(hash) }, extractable, usages) {
    checkUsages(usages, SIGN | VERIFY, name)
    if (length === 0) throw fail('OperationError', 'a key of no bits')
    const material = moveToKey(randomBytes((length + 7 - ((length + 7) % 8)) / 8))
    const algorithm = { __proto__: null, name, hash, length }
    return makeKey('secret', extractable, usages, material, algorithm)
  },
  importKey(format, data, { name, hash, length }, extractable, usages) {
    checkUsages(usages, SIGN | VERIFY, name)
    const bytes = readSecret(format, data, 'sig', extractable, usages)
    if (format === 'jwk' && data.alg !== undefined && data.alg !== jwsNames[hash]) {
      throw fail('DataError', `the key is for ${data.alg}`)
    }
    const bits = hmacLength(bytes, length)
    const algorithm = { __proto__: null, name, hash, length: bits }
    return makeKey('secret', extractable, usages, moveToKey(bytes), algorithm)
  },
  exportKey: (format, key) => exportSecret(format, key, jwsNames[slotsOf(key).hash]),
  keyLength({ hash, length = blockBits(hash) }) {
    if (length === 0) throw new TypeError('a key of no bits')
    return length
  },
  sign(_, key, data) {
    const { hash, material } = slotsOf(key)
    return hmacSign(native(hash), material, data)
  },
  verify(_, key, signature, data) {
    const { hash, material } = slotsOf(key)
    return hmacVerify(native(hash), material, data, signature)
  },
}

/** Keys that others are derived from, and that never come out again. */
function kdf(deriveBits) {
  return {
    __proto__: null,
    importKey(format, data, { name }, extractable, usages) {
      if (format !== 'raw') throw fail('NotSupportedError', `${name} takes raw keys only`)
      checkUsages(usages, DERIVE_KEY | DERIVE_BITS, name)
      if (extractable) throw fail('SyntaxError', `a key of ${name} cannot be extractable`)
      return makeKey('secret', false, usages, moveToKey(data), { __proto__: null, name })
    },
    keyLength: () => null,
    deriveBits,
  }
}

function checkBits(length) {
  if (length === null || length % 8 !== 0) {
    throw fail('OperationError', 'the length is not of whole bytes')
  }
}

export const hkdf = kdf(({ hash, salt, info }, key, length) => {
  checkBits(length)
  return hkdfBits(native(hash), slotsOf(key).material, salt, info, length / 8)
})

export const pbkdf2 = kdf(({ hash, salt, iterations }, key, length) => {
  checkBits(length)
  if (iterations === 0) throw fail('OperationError', 'no iterations')
  return pbkdf2Bits(native(hash), slotsOf(key).material, salt, iterations, length / 8)
})
