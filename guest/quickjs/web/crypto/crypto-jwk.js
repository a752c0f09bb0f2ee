// JsonWebKey: the dictionary, and what its use shares for all kinds of keys.

import { forEachValue, isObject } from '../idl/idl.js'
import {
  ArrayPrototypePush,
  JSONParse,
  JSONStringify,
  ObjectSetPrototypeOf,
  primordialGlobals,
  RegExpPrototypeExec,
  Uint8ArrayFromBase64,
  Uint8ArrayPrototypeToBase64,
} from '../idl/primordials.js'
import { fail, usageBit, usageNames } from './crypto-idl.js'

const { TypeError, Uint8Array } = primordialGlobals

const toText = (value) => `${value}`

function toTexts(value) {
  const list = []
  forEachValue(value, 'key_ops', (item) => ArrayPrototypePush(list, `${item}`))
  return list
}

/** RsaOtherPrimesInfo, whose members are never used. */
function toPrimes(value) {
  const list = []
  forEachValue(value, 'oth', (item) => {
    if (item !== undefined && item !== null) {
      if (!isObject(item)) throw new TypeError('oth: not an object')
      if (item.d !== undefined) toText(item.d)
      if (item.r !== undefined) toText(item.r)
      if (item.t !== undefined) toText(item.t)
    }
    ArrayPrototypePush(list, item)
  })
  return list
}

// In the order in which WebIDL reads them.
const MEMBERS = [
  'alg',
  'crv',
  'd',
  'dp',
  'dq',
  'e',
  'ext',
  'k',
  'key_ops',
  'kty',
  'n',
  'oth',
  'p',
  'q',
  'qi',
  'use',
  'x',
  'y',
]

const special = { __proto__: null, ext: (value) => !!value, key_ops: toTexts, oth: toPrimes }

/** The dictionary; undefined and null mean an empty one. */
export function toJwk(value) {
  const jwk = { __proto__: null }
  if (value === undefined || value === null) return jwk
  if (!isObject(value)) throw new TypeError('keyData is neither a BufferSource nor an object')
  for (let i = 0; i < MEMBERS.length; i++) {
    const name = MEMBERS[i]
    const member = value[name]
    if (member !== undefined) jwk[name] = (special[name] ?? toText)(member)
  }
  return jwk
}

/** The key in an unwrapped JSON text. */
export function parseJwk(text) {
  let value
  try {
    value = JSONParse(text)
  } catch {
    throw fail('DataError', 'the unwrapped data is not JSON')
  }
  if (!isObject(value)) throw fail('DataError', 'the unwrapped data is not a key')
  // The standard parses in a new realm, so nothing is inherited that is not in the text.
  ObjectSetPrototypeOf(value, null)
  const jwk = toJwk(value)
  if (jwk.kty === undefined) throw fail('DataError', 'the unwrapped key has no kty')
  return jwk
}

/** Its JSON text; calls no toJSON of a script. */
export function stringifyJwk(jwk) {
  ObjectSetPrototypeOf(jwk, null)
  ObjectSetPrototypeOf(jwk.key_ops, null)
  return JSONStringify(jwk)
}

/** The bytes of a member. */
export function decode(jwk, name) {
  const text = jwk[name]
  if (text === undefined) throw fail('DataError', `the key has no ${name}`)
  if (RegExpPrototypeExec(/^[\w-]*$/, text) === null || text.length % 4 === 1) {
    throw fail('DataError', `the key's ${name} is not base64url`)
  }
  return Uint8ArrayFromBase64(text, { __proto__: null, alphabet: 'base64url' })
}

/** An ArrayBuffer as a member. */
export function encode(buffer) {
  const options = { __proto__: null, alphabet: 'base64url', omitPadding: true }
  return Uint8ArrayPrototypeToBase64(new Uint8Array(buffer), options)
}

function checkOperations(list, usages) {
  let seen = 0
  const others = { __proto__: null }
  for (let i = 0; i < list.length; i++) {
    const bit = usageBit(list[i])
    if (bit === 0 ? others[list[i]] : seen & bit)
      throw fail('DataError', 'key_ops contains a duplicate')
    if (bit === 0) others[list[i]] = true
    seen |= bit
  }
  if (usages & ~seen) throw fail('DataError', 'key_ops does not allow these usages')
}

/** Checks that hold for every kind of key. `use`: 'sig', 'enc', or undefined to skip the check. */
export function checkJwk(jwk, kty, use, extractable, usages) {
  if (jwk.kty !== kty) throw fail('DataError', `the key's kty is not ${kty}`)
  if (use !== undefined && usages !== 0 && jwk.use !== undefined && jwk.use !== use) {
    throw fail('DataError', `the key's use is not ${use}`)
  }
  if (jwk.key_ops !== undefined) checkOperations(jwk.key_ops, usages)
  if (jwk.ext === false && extractable) throw fail('DataError', 'the key must not be extractable')
}

/** The last members of the JWK. */
export function finishJwk(jwk, usages, extractable) {
  jwk.key_ops = usageNames(usages)
  jwk.ext = extractable
  return jwk
}
