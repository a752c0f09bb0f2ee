// The algorithms of each operation, and the normalization of an algorithm that a script names:
// https://w3c.github.io/webcrypto/#algorithm-normalization

import { copyBytes } from 'fn:web'
import { isObject } from '../idl/idl.js'
import {
  primordialGlobals,
  StringPrototypeCharCodeAt,
  StringPrototypeToLowerCase,
} from '../idl/primordials.js'
import {
  fail,
  toBigInteger,
  toBufferSource,
  toIdentifier,
  toOctet,
  toString,
  toUnsignedLong,
  toUnsignedShort,
} from './crypto-idl.js'
import { isCryptoKey } from './crypto-key.js'

const { TypeError } = primordialGlobals

function toKey(value, what) {
  if (!isCryptoKey(value)) throw new TypeError(`${what} is not a CryptoKey`)
  return value
}

const member = (name, convert, required = true) => ({ __proto__: null, name, convert, required })
const optional = (name, convert) => member(name, convert, false)
const hash = member('hash', toIdentifier)

// The members of each dictionary, in the order in which WebIDL reads them, without `name`.
const nothing = []
const aesKey = [member('length', toUnsignedShort)]
const curve = [member('namedCurve', toString)]
const hmac = [hash, optional('length', toUnsignedLong)]
const onlyHash = [hash]
const derive = [member('public', toKey)]
const ctr = [member('counter', toBufferSource), member('length', toOctet)]
const cbc = [member('iv', toBufferSource)]
const gcm = [
  optional('additionalData', toBufferSource),
  member('iv', toBufferSource),
  optional('tagLength', toOctet),
]
const oaep = [optional('label', toBufferSource)]
const pss = [member('saltLength', toUnsignedLong)]
const rsaKey = [
  member('modulusLength', toUnsignedLong),
  member('publicExponent', toBigInteger),
  hash,
]
const hkdf = [hash, member('info', toBufferSource), member('salt', toBufferSource)]
const pbkdf2 = [hash, member('iterations', toUnsignedLong), member('salt', toBufferSource)]

/** Lower-case name -> the registered name and its members. */
function table(...rows) {
  const entries = { __proto__: null }
  for (let i = 0; i < rows.length; i += 2) {
    for (let k = 0; k < rows[i].length; k++) {
      const name = rows[i][k]
      const key = StringPrototypeToLowerCase(name)
      entries[key] = { __proto__: null, name, members: rows[i + 1] }
    }
  }
  return entries
}

const RSA = ['RSASSA-PKCS1-v1_5', 'RSA-PSS', 'RSA-OAEP']
const EC = ['ECDSA', 'ECDH']
const OKP = ['Ed25519', 'X25519']
const AES = ['AES-CTR', 'AES-CBC', 'AES-GCM', 'AES-KW']
const KDF = ['HKDF', 'PBKDF2']

const ciphers = table(['RSA-OAEP'], oaep, ['AES-CTR'], ctr, ['AES-CBC'], cbc, ['AES-GCM'], gcm)
const signatures = table(
  ['RSASSA-PKCS1-v1_5', 'Ed25519', 'HMAC'],
  nothing,
  ['RSA-PSS'],
  pss,
  ['ECDSA'],
  onlyHash,
)
const wraps = table(['AES-KW'], nothing)

const operations = {
  __proto__: null,
  encrypt: ciphers,
  decrypt: ciphers,
  sign: signatures,
  verify: signatures,
  digest: table(['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'], nothing),
  generateKey: table(RSA, rsaKey, EC, curve, OKP, nothing, AES, aesKey, ['HMAC'], hmac),
  deriveBits: table(['ECDH', 'X25519'], derive, ['HKDF'], hkdf, ['PBKDF2'], pbkdf2),
  importKey: table(
    RSA,
    onlyHash,
    EC,
    curve,
    OKP,
    nothing,
    AES,
    nothing,
    ['HMAC'],
    hmac,
    KDF,
    nothing,
  ),
  wrapKey: wraps,
  unwrapKey: wraps,
  keyLength: table(AES, aesKey, ['HMAC'], hmac, KDF, nothing),
}

/** Only ASCII letters are lowered: no other character may become one of them. */
function lowerCase(name) {
  for (let i = 0; i < name.length; i++) {
    if (StringPrototypeCharCodeAt(name, i) > 127) return ''
  }
  return StringPrototypeToLowerCase(name)
}

function readName(value) {
  const { name } = value
  if (name === undefined) throw new TypeError('algorithm: name is missing')
  return `${name}`
}

function readMembers(value, members, to) {
  for (let i = 0; i < members.length; i++) {
    const { name, convert, required } = members[i]
    const given = value[name]
    if (given !== undefined) to[name] = convert(given, `algorithm: ${name}`)
    else if (required) throw new TypeError(`algorithm: ${name} is missing`)
  }
}

/** Runs after all getters: copies bytes, and gives a hash its registered name. */
function settleMembers(members, to) {
  for (let i = 0; i < members.length; i++) {
    const { name, convert } = members[i]
    if (to[name] === undefined) continue
    if (convert === toBufferSource || convert === toBigInteger) to[name] = copyBytes(to[name])
    else if (convert === toIdentifier) to[name] = normalize('digest', to[name]).name
  }
}

/**
 * The algorithm that `identifier` names for an operation: an object without a prototype, with the
 * registered name, the registered name of the hash, and copies of bytes.
 *
 * @throws {DOMException} NotSupportedError when the operation does not have this algorithm
 */
export function normalize(operation, identifier) {
  const given = isObject(identifier) ? identifier : { __proto__: null, name: identifier }
  const entry = operations[operation][lowerCase(readName(given))]
  if (entry === undefined) {
    throw fail('NotSupportedError', `the algorithm is not supported for ${operation}`)
  }
  const algorithm = { __proto__: null, name: entry.name }
  readName(given)
  readMembers(given, entry.members, algorithm)
  settleMembers(entry.members, algorithm)
  return algorithm
}

/** The same for an operation that the algorithm may lack: then undefined. */
export function normalizeIf(operation, identifier) {
  const given = isObject(identifier) ? identifier : { __proto__: null, name: identifier }
  return operations[operation][lowerCase(readName(given))] === undefined
    ? undefined
    : normalize(operation, identifier)
}
