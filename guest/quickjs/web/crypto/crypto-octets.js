// Code that algorithms share whose key is a string of bytes.

import { secretBytes, secretKey, wipe } from 'fn:crypto'
import { fail } from './crypto-idl.js'
import { checkJwk, decode, encode, finishJwk } from './crypto-jwk.js'
import { slotsOf } from './crypto-key.js'

/** Moves bytes into a key. The caller must own the only copy. */
export function moveToKey(bytes) {
  const material = secretKey(bytes)
  wipe(bytes)
  return material
}

export function exportSecret(format, key, alg) {
  const { material, usages, extractable } = slotsOf(key)
  if (format === 'raw') return secretBytes(material)
  if (format !== 'jwk') throw fail('NotSupportedError', `this key has no format ${format}`)
  const bytes = secretBytes(material)
  const jwk = finishJwk({ kty: 'oct', k: encode(bytes), alg }, usages, extractable)
  wipe(bytes)
  return jwk
}

/** The bytes of a key in one of its two formats. */
export function readSecret(format, data, use, extractable, usages) {
  if (format === 'raw') return data
  if (format !== 'jwk') throw fail('NotSupportedError', `this key has no format ${format}`)
  checkJwk(data, 'oct', use, extractable, usages)
  return decode(data, 'k')
}
