// WebIDL conversions of the arguments and dictionaries of Web Cryptography.

import { classOf } from 'fn:web'
import { forEachValue, isObject } from '../idl/idl.js'
import {
  ArrayBufferPrototypeGetResizable,
  ArrayPrototypePush,
  DataViewPrototypeGetBuffer,
  MathTrunc,
  primordialGlobals,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetTag,
} from '../idl/primordials.js'

const { DOMException, TypeError } = primordialGlobals

export const fail = (name, message) => new DOMException(message, name)

/** `DOMString`; a symbol throws. */
export const toString = (value) => `${value}`

/** `(object or DOMString)`: an AlgorithmIdentifier. */
export const toIdentifier = (value) => (isObject(value) ? value : `${value}`)

const isFixed = (buffer) =>
  classOf(buffer) === 'ArrayBuffer' && !ArrayBufferPrototypeGetResizable(buffer)

/** The buffer of a view; undefined for anything else. */
function bufferOf(value) {
  const kind = classOf(value)
  if (kind === 'TypedArray') return TypedArrayPrototypeGetBuffer(value)
  return kind === 'DataView' ? DataViewPrototypeGetBuffer(value) : undefined
}

export function isBufferSource(value) {
  const kind = classOf(value)
  return kind === 'ArrayBuffer' || kind === 'TypedArray' || kind === 'DataView'
}

/** `BufferSource` that is neither shared nor resizable. The caller copies its bytes. */
export function toBufferSource(value, what) {
  if (!isFixed(classOf(value) === 'ArrayBuffer' ? value : bufferOf(value))) {
    throw new TypeError(
      `${what} is not an ArrayBuffer or a view of one that is fixed and not shared`,
    )
  }
  return value
}

/** `BigInteger`. */
export function toBigInteger(value, what) {
  if (classOf(value) !== 'TypedArray' || TypedArrayPrototypeGetTag(value) !== 'Uint8Array') {
    throw new TypeError(`${what} is not a Uint8Array`)
  }
  return toBufferSource(value, what)
}

/** `[EnforceRange]`, from 0 to `max`. */
function enforceRange(value, max, what) {
  const number = MathTrunc(+value)
  if (!(number >= 0 && number <= max))
    throw new TypeError(`${what} is not in the range from 0 to ${max}`)
  return number + 0
}

export const toOctet = (value, what) => enforceRange(value, 255, what)
export const toUnsignedShort = (value, what) => enforceRange(value, 65535, what)
export const toUnsignedLong = (value, what) => enforceRange(value, 4294967295, what)

/** In the order of the standard, which a key's `usages` shows. */
export const USAGES = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'deriveKey',
  'deriveBits',
  'wrapKey',
  'unwrapKey',
]

/** A set of usages as bits. */
export const ENCRYPT = 1
export const DECRYPT = 2
export const SIGN = 4
export const VERIFY = 8
export const DERIVE_KEY = 16
export const DERIVE_BITS = 32
export const WRAP = 64
export const UNWRAP = 128

/** The bit of a usage; 0 for any other text. */
export function usageBit(name) {
  for (let i = 0; i < USAGES.length; i++) {
    if (USAGES[i] === name) return 1 << i
  }
  return 0
}

/** `sequence<KeyUsage>` as bits. */
export function toUsages(value) {
  let bits = 0
  forEachValue(value, 'keyUsages', (usage) => {
    const name = `${usage}`
    const bit = usageBit(name)
    if (bit === 0) throw new TypeError(`keyUsages: '${name}' is not a KeyUsage`)
    bits |= bit
  })
  return bits
}

export function usageNames(bits) {
  const names = []
  for (let i = 0; i < USAGES.length; i++) {
    if (bits & (1 << i)) ArrayPrototypePush(names, USAGES[i])
  }
  return names
}

export function checkUsages(bits, allowed, name) {
  if (bits & ~allowed) throw fail('SyntaxError', `a ${name} key does not have these usages`)
}

/** `KeyFormat`. */
export function toFormat(value) {
  const name = `${value}`
  if (name !== 'raw' && name !== 'spki' && name !== 'pkcs8' && name !== 'jwk') {
    throw new TypeError(`'${name}' is not a KeyFormat`)
  }
  return name
}
