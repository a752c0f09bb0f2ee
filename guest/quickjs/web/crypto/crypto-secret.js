// HMAC, HKDF and PBKDF2.

import {
  hkdf as hkdfBits,
  hmacSign,
  hmacVerify,
  pbkdf2 as pbkdf2Bits,
  randomBytes,
} from 'fn:crypto'
import { primordialGlobals, TypedArrayPrototypeGetByteLength } from '../idl/primordials.js'
import { native } from './crypto-hashes.js'
import { checkUsages, DERIVE_BITS, DERIVE_KEY, fail, SIGN, VERIFY } from './crypto-idl.js'
import { makeKey, slotsOf } from './crypto-key.js'
import { exportSecret, moveToKey, readSecret } from './crypto-octets.js'

const { TypeError } = primordialGlobals

const blockBits = (hash) => (hash === 'SHA-1' || hash === 'SHA-256' ? 512 : 1024)
const jwsNames = {
  __proto__: null,
  'SHA-1': 'HS1',
  'SHA-256': 'HS256',
  'SHA-384': 'HS384',
  'SHA-512': 'HS512',
}

/** The length in bits of an imported key. */
function hmacLength(bytes, wanted) {
  const bits = TypedArrayPrototypeGetByteLength(bytes) * 8
  if (bits === 0) throw fail('DataError', 'the key is empty')
  if (wanted === undefined) return bits
  if (wanted > bits || wanted <= bits - 8) {
    throw fail('DataError', `the key does not have ${wanted} bits`)
  }
  return wanted
}

const hmac = {
  __proto__: null,
  generateKey({ name, hash, length = blockBits(hash) }, extractable, usages) {
    checkUsages(usages, SIGN | VERIFY, name)
    if (length === 0) throw fail('OperationError', 'the key cannot have 0 bits')
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
    if (length === 0) throw new TypeError('the key cannot have 0 bits')
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

/** Keys for derivation only, which cannot be exported. */
function kdf(deriveBits) {
  return {
    __proto__: null,
    importKey(format, data, { name }, extractable, usages) {
      if (format !== 'raw') throw fail('NotSupportedError', `${name} accepts only raw keys`)
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
    throw fail('OperationError', 'the length must be a multiple of 8')
  }
}

const hkdf = kdf(({ hash, salt, info }, key, length) => {
  checkBits(length)
  return hkdfBits(native(hash), slotsOf(key).material, salt, info, length / 8)
})

const pbkdf2 = kdf(({ hash, salt, iterations }, key, length) => {
  checkBits(length)
  if (iterations === 0) throw fail('OperationError', 'the number of iterations must not be 0')
  return pbkdf2Bits(native(hash), slotsOf(key).material, salt, iterations, length / 8)
})

export const algorithms = { __proto__: null, HMAC: hmac, HKDF: hkdf, PBKDF2: pbkdf2 }
