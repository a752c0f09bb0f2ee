// AES in its four modes.

import {
  cbcDecrypt,
  cbcEncrypt,
  ctrCrypt,
  gcmDecrypt,
  gcmEncrypt,
  kwUnwrap,
  kwWrap,
  randomBytes,
} from 'fn:crypto'
import { primordialGlobals, TypedArrayPrototypeGetByteLength } from '../idl/primordials.js'
import { checkUsages, DECRYPT, ENCRYPT, fail, UNWRAP, WRAP } from './crypto-idl.js'
import { makeKey, slotsOf } from './crypto-key.js'
import { exportSecret, moveToKey, readSecret } from './crypto-octets.js'

const { Uint8Array } = primordialGlobals
const NOTHING = new Uint8Array(0)
const BLOCK = 16

const isAesLength = (bits) => bits === 128 || bits === 192 || bits === 256

/** What the modes of AES share; `suffix` is that of the JWK algorithm, as in `A128GCM`. */
function aes(suffix, allowed, operations) {
  return {
    __proto__: null,
    generateKey({ name, length }, extractable, usages) {
      checkUsages(usages, allowed, name)
      if (!isAesLength(length))
        throw fail('OperationError', `an AES key cannot have ${length} bits`)
      const material = moveToKey(randomBytes(length / 8))
      return makeKey('secret', extractable, usages, material, { __proto__: null, name, length })
    },
    importKey(format, data, { name }, extractable, usages) {
      checkUsages(usages, allowed, name)
      const bytes = readSecret(format, data, 'enc', extractable, usages)
      const length = TypedArrayPrototypeGetByteLength(bytes) * 8
      if (!isAesLength(length)) throw fail('DataError', `an AES key cannot have ${length} bits`)
      if (format === 'jwk' && data.alg !== undefined && data.alg !== `A${length}${suffix}`) {
        throw fail('DataError', `the key is for ${data.alg}`)
      }
      const material = moveToKey(bytes)
      return makeKey('secret', extractable, usages, material, { __proto__: null, name, length })
    },
    exportKey: (format, key) => exportSecret(format, key, `A${slotsOf(key).length}${suffix}`),
    keyLength({ length }) {
      if (!isAesLength(length))
        throw fail('OperationError', `an AES key cannot have ${length} bits`)
      return length
    },
    ...operations,
  }
}

const CIPHER = ENCRYPT | DECRYPT | WRAP | UNWRAP

function ctr({ counter, length }, key, data) {
  if (TypedArrayPrototypeGetByteLength(counter) !== BLOCK || length === 0 || length > 128) {
    throw fail(
      'OperationError',
      'the counter must have 16 bytes, and its length must be from 1 to 128 bits',
    )
  }
  return ctrCrypt(slotsOf(key).material, data, counter, length)
}

const aesCtr = aes('CTR', CIPHER, { __proto__: null, encrypt: ctr, decrypt: ctr })

const cbc =
  (crypt) =>
  ({ iv }, key, data) => {
    if (TypedArrayPrototypeGetByteLength(iv) !== BLOCK) {
      throw fail('OperationError', 'the iv must have 16 bytes')
    }
    return crypt(slotsOf(key).material, data, iv)
  }

const aesCbc = aes('CBC', CIPHER, {
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
      throw fail('OperationError', `an AES-GCM tag cannot have ${tagLength} bits`)
    }
    return crypt(slotsOf(key).material, data, iv, additionalData, tagLength / 8)
  }

const aesGcm = aes('GCM', CIPHER, {
  __proto__: null,
  encrypt: gcm(gcmEncrypt),
  decrypt: gcm(gcmDecrypt),
})

const aesKw = aes('KW', WRAP | UNWRAP, {
  __proto__: null,
  wrapKey: (_, key, data) => kwWrap(slotsOf(key).material, data),
  unwrapKey: (_, key, data) => kwUnwrap(slotsOf(key).material, data),
})

export const algorithms = {
  __proto__: null,
  'AES-CTR': aesCtr,
  'AES-CBC': aesCbc,
  'AES-GCM': aesGcm,
  'AES-KW': aesKw,
}
