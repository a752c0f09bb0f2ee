// SubtleCrypto: https://w3c.github.io/webcrypto/#subtlecrypto-interface
//
// Every operation runs at once in the worker's only thread, since a worker may not start others.

import { digest as digestOf, wipe } from 'fn:crypto'
import { copyBytes, decodeUtf8, encodeUtf8, lazy } from 'fn:web'
import { defineInterface, isObject, needArguments } from '../idl/idl.js'
import { registerSubtleCrypto } from '../idl/lazy-hooks.js'
import { primordialGlobals } from '../idl/primordials.js'
import { normalize, normalizeIf } from './crypto-algorithms.js'
import { native } from './crypto-hashes.js'
import {
  DECRYPT,
  DERIVE_BITS,
  DERIVE_KEY,
  ENCRYPT,
  fail,
  isBufferSource,
  SIGN,
  toBufferSource,
  toFormat,
  toIdentifier,
  toUsages,
  UNWRAP,
  VERIFY,
  WRAP,
} from './crypto-idl.js'
import { parseJwk, stringifyJwk, toJwk } from './crypto-jwk.js'
import { isCryptoKey, slotsOf } from './crypto-key.js'

const { Promise, TypeError, Uint8Array } = primordialGlobals
const token = {}

/** The module of each algorithm; a worker loads it on first use. */
const files = {
  __proto__: null,
  'RSASSA-PKCS1-v1_5': 'crypto/crypto-rsa.js',
  'RSA-PSS': 'crypto/crypto-rsa.js',
  'RSA-OAEP': 'crypto/crypto-rsa.js',
  ECDSA: 'crypto/crypto-ec.js',
  ECDH: 'crypto/crypto-ec.js',
  Ed25519: 'crypto/crypto-okp.js',
  X25519: 'crypto/crypto-okp.js',
  'AES-CTR': 'crypto/crypto-aes.js',
  'AES-CBC': 'crypto/crypto-aes.js',
  'AES-GCM': 'crypto/crypto-aes.js',
  'AES-KW': 'crypto/crypto-aes.js',
  HMAC: 'crypto/crypto-secret.js',
  HKDF: 'crypto/crypto-secret.js',
  PBKDF2: 'crypto/crypto-secret.js',
}

const implementation = (name) => lazy(files[name]).algorithms[name]

function toKey(value, what) {
  if (!isCryptoKey(value)) throw new TypeError(`${what} is not a CryptoKey`)
  return value
}

/** The implementation of an algorithm, for a key that must belong to it and have this usage. */
function ready({ name }, key, usage) {
  const slots = slotsOf(key)
  if (slots.name !== name) throw fail('InvalidAccessError', `the key is not for ${name}`)
  if (!(slots.usages & usage)) throw fail('InvalidAccessError', 'the key does not have this usage')
  return implementation(name)
}

/** encrypt, decrypt, and sign. */
function crypt(operation, usage, identifier, key, data) {
  const id = toIdentifier(identifier)
  toKey(key, 'key')
  toBufferSource(data, 'data')
  const algorithm = normalize(operation, id)
  const bytes = copyBytes(data)
  return ready(algorithm, key, usage)[operation](algorithm, key, bytes)
}

function verify(identifier, key, signature, data) {
  const id = toIdentifier(identifier)
  toKey(key, 'key')
  toBufferSource(signature, 'signature')
  toBufferSource(data, 'data')
  const algorithm = normalize('verify', id)
  const given = copyBytes(signature)
  const bytes = copyBytes(data)
  return ready(algorithm, key, VERIFY).verify(algorithm, key, given, bytes)
}

function digest(identifier, data) {
  const id = toIdentifier(identifier)
  toBufferSource(data, 'data')
  // No code that could change the data runs before the hash, so it is not copied.
  const { name } = normalize('digest', id)
  return digestOf(native(name), data)
}

function needUsages(key) {
  const { type, usages } = slotsOf(key)
  if (type !== 'public' && usages === 0) throw fail('SyntaxError', 'the key has no usages')
  return key
}

function generateKey(identifier, extractable, keyUsages) {
  const id = toIdentifier(identifier)
  const mayLeave = !!extractable
  const usages = toUsages(keyUsages)
  const algorithm = normalize('generateKey', id)
  const made = implementation(algorithm.name).generateKey(algorithm, mayLeave, usages)
  needUsages(isCryptoKey(made) ? made : made.privateKey)
  return made
}

function importKey(format, data, algorithm, extractable, usages) {
  const { importKey: run } = implementation(algorithm.name)
  return needUsages(run(format, data, algorithm, extractable, usages))
}

/** The raw bytes or the JsonWebKey, depending on the format. */
function toKeyData(format, data) {
  if ((format === 'jwk') === isBufferSource(data)) {
    throw new TypeError(`keyData does not fit the format ${format}`)
  }
  return data
}

function importFromScript(formatName, keyData, identifier, extractable, keyUsages) {
  const format = toFormat(formatName)
  const isBytes = isBufferSource(keyData)
  const data = isBytes ? toBufferSource(keyData, 'keyData') : toJwk(keyData)
  const id = toIdentifier(identifier)
  const mayLeave = !!extractable
  const usages = toUsages(keyUsages)
  const algorithm = normalize('importKey', id)
  toKeyData(format, isBytes ? keyData : undefined)
  return importKey(format, isBytes ? copyBytes(data) : data, algorithm, mayLeave, usages)
}

/** SubtleCrypto.importKey for node:crypto: it returns the key and not a promise. */
export function importNow(format, keyData, algorithm, extractable, usages) {
  return importFromScript(format, keyData, algorithm, extractable, usages)
}

function exportKey(format, key) {
  const { name, extractable } = slotsOf(key)
  const { exportKey: run } = implementation(name)
  if (run === undefined) throw fail('NotSupportedError', `a key of ${name} cannot be exported`)
  if (!extractable) throw fail('InvalidAccessError', 'the key is not extractable')
  return run(format, key)
}

function bits(algorithm, key, length, usage) {
  return ready(algorithm, key, usage).deriveBits(algorithm, key, length)
}

function deriveKey(identifier, baseKey, derivedType, extractable, keyUsages) {
  const id = toIdentifier(identifier)
  toKey(baseKey, 'baseKey')
  const derivedId = toIdentifier(derivedType)
  const mayLeave = !!extractable
  const usages = toUsages(keyUsages)
  const algorithm = normalize('deriveBits', id)
  const importAlgorithm = normalize('importKey', derivedId)
  const lengthAlgorithm = normalize('keyLength', derivedId)
  ready(algorithm, baseKey, DERIVE_KEY)
  const length = implementation(lengthAlgorithm.name).keyLength(lengthAlgorithm)
  const secret = new Uint8Array(bits(algorithm, baseKey, length, DERIVE_KEY))
  return importKey('raw', secret, importAlgorithm, mayLeave, usages)
}

function deriveBits(identifier, baseKey, length) {
  const id = toIdentifier(identifier)
  toKey(baseKey, 'baseKey')
  const wanted = length === undefined || length === null ? null : length >>> 0
  const algorithm = normalize('deriveBits', id)
  return bits(algorithm, baseKey, wanted, DERIVE_BITS)
}

function wrapKey(formatName, key, wrappingKey, identifier) {
  const format = toFormat(formatName)
  toKey(key, 'key')
  toKey(wrappingKey, 'wrappingKey')
  const id = toIdentifier(identifier)
  const wraps = normalizeIf('wrapKey', id)
  const algorithm = wraps ?? normalize('encrypt', id)
  const { [wraps ? 'wrapKey' : 'encrypt']: run } = ready(algorithm, wrappingKey, WRAP)
  const exported = exportKey(format, key)
  const bytes = format === 'jwk' ? encodeUtf8(stringifyJwk(exported)) : new Uint8Array(exported)
  const wrapped = run(algorithm, wrappingKey, bytes)
  wipe(bytes)
  return wrapped
}

function unwrapKey(formatName, wrappedKey, unwrappingKey, identifier, keyId, extractable, list) {
  const format = toFormat(formatName)
  toBufferSource(wrappedKey, 'wrappedKey')
  toKey(unwrappingKey, 'unwrappingKey')
  const id = toIdentifier(identifier)
  const unwrappedId = toIdentifier(keyId)
  const mayLeave = !!extractable
  const usages = toUsages(list)
  const unwraps = normalizeIf('unwrapKey', id)
  const algorithm = unwraps ?? normalize('decrypt', id)
  const keyAlgorithm = normalize('importKey', unwrappedId)
  const wrapped = copyBytes(wrappedKey)
  const { [unwraps ? 'unwrapKey' : 'decrypt']: run } = ready(algorithm, unwrappingKey, UNWRAP)
  const bytes = new Uint8Array(run(algorithm, unwrappingKey, wrapped))
  const key = format === 'jwk' ? parseJwk(decodeUtf8(bytes)) : bytes
  return importKey(format, key, keyAlgorithm, mayLeave, usages)
}

let isSubtle

export class SubtleCrypto {
  #brand

  constructor() {
    if (arguments[0] !== token) throw new TypeError('Illegal constructor')
    this.#brand = true
  }

  static {
    isSubtle = (value) => isObject(value) && #brand in value
  }

  encrypt(algorithm, key, data) {
    return answer(this, 'encrypt', arguments.length, 3, () =>
      crypt('encrypt', ENCRYPT, algorithm, key, data),
    )
  }
  decrypt(algorithm, key, data) {
    return answer(this, 'decrypt', arguments.length, 3, () =>
      crypt('decrypt', DECRYPT, algorithm, key, data),
    )
  }
  sign(algorithm, key, data) {
    return answer(this, 'sign', arguments.length, 3, () =>
      crypt('sign', SIGN, algorithm, key, data),
    )
  }
  verify(algorithm, key, signature, data) {
    return answer(this, 'verify', arguments.length, 4, () =>
      verify(algorithm, key, signature, data),
    )
  }
  digest(algorithm, data) {
    return answer(this, 'digest', arguments.length, 2, () => digest(algorithm, data))
  }
  generateKey(algorithm, extractable, keyUsages) {
    return answer(this, 'generateKey', arguments.length, 3, () =>
      generateKey(algorithm, extractable, keyUsages),
    )
  }
  deriveKey(algorithm, baseKey, derivedKeyType, extractable, keyUsages) {
    return answer(this, 'deriveKey', arguments.length, 5, () =>
      deriveKey(algorithm, baseKey, derivedKeyType, extractable, keyUsages),
    )
  }
  deriveBits(algorithm, baseKey, length = null) {
    return answer(this, 'deriveBits', arguments.length, 2, () =>
      deriveBits(algorithm, baseKey, length),
    )
  }
  importKey(format, keyData, algorithm, extractable, keyUsages) {
    return answer(this, 'importKey', arguments.length, 5, () =>
      importFromScript(format, keyData, algorithm, extractable, keyUsages),
    )
  }
  exportKey(format, key) {
    return answer(this, 'exportKey', arguments.length, 2, () =>
      exportKey(toFormat(format), toKey(key, 'key')),
    )
  }
  wrapKey(format, key, wrappingKey, wrapAlgorithm) {
    return answer(this, 'wrapKey', arguments.length, 4, () =>
      wrapKey(format, key, wrappingKey, wrapAlgorithm),
    )
  }
  unwrapKey(format, wrappedKey, unwrappingKey, algorithm, keyAlgorithm, extractable, usages) {
    return answer(this, 'unwrapKey', arguments.length, 7, () =>
      unwrapKey(format, wrappedKey, unwrappingKey, algorithm, keyAlgorithm, extractable, usages),
    )
  }
}

/** Makes a method return a promise in every case. */
function answer(subtle, name, given, need, run) {
  return new Promise((resolve) => {
    if (!isSubtle(subtle)) throw new TypeError(`SubtleCrypto.${name}: not a SubtleCrypto`)
    needArguments(`SubtleCrypto.${name}`, given, need)
    resolve(run())
  })
}

defineInterface(SubtleCrypto, { global: false })

/** `crypto.subtle` */
export const subtle = new SubtleCrypto(token)
registerSubtleCrypto(isSubtle)
