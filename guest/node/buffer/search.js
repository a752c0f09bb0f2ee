/** indexOf, lastIndexOf and includes of a Buffer. */
import { invalidArgType, unknownEncoding } from '../internal/errors.ts'
import { encode, encodingOf, utf8, utf16le } from './encodings.js'

const { indexOf: indexOfByte, lastIndexOf: lastIndexOfByte } = Uint8Array.prototype

/** As `at` does, but in units of `step` bytes from the begin. */
function matchAt(bytes, needle, at) {
  for (let i = 0; i < needle.length; i++) if (bytes[at + i] !== needle[i]) return false
  return true
}

function searchForward(bytes, needle, from, step) {
  const last = bytes.length - needle.length
  let at = from
  while (at <= last) {
    at = indexOfByte.call(bytes, needle[0], at)
    if (at === -1 || at > last) return -1
    if (at % step === 0 && matchAt(bytes, needle, at)) return at
    at++
  }
  return -1
}

function searchBackward(bytes, needle, from, step) {
  let at = Math.min(from, bytes.length - needle.length)
  while (at >= 0) {
    at = lastIndexOfByte.call(bytes, needle[0], at)
    if (at === -1) return -1
    if (at % step === 0 && matchAt(bytes, needle, at)) return at
    at--
  }
  return -1
}

/** Where the search begins, as Node reads an offset; -1 for "nowhere". */
function startOf(bytes, offset, length, forward) {
  let from = +offset
  if (Number.isNaN(from)) from = forward ? 0 : bytes.length
  from = Math.trunc(Math.max(-0x7fffffff, Math.min(0x7fffffff, from)))
  if (from < 0) {
    if (from + bytes.length >= 0) return from + bytes.length
    return forward || length === 0 ? 0 : -1
  }
  if (from + length <= bytes.length) return from
  if (length === 0) return bytes.length
  return forward ? -1 : bytes.length - 1
}

function find(bytes, needle, offset, step, forward) {
  let from = startOf(bytes, offset, needle.length, forward)
  if (from === -1) return -1
  from -= from % step
  if (needle.length === 0) return from
  if (bytes.length === 0 || needle.length > bytes.length || needle.length < step) return -1
  return forward
    ? searchForward(bytes, needle, from, step)
    : searchBackward(bytes, needle, from, step)
}

/**
 * @param value what is looked for: a text, bytes, or one byte
 * @param forward false to look from the end
 */
export function search(bytes, value, givenOffset, givenEncoding, forward) {
  let offset = givenOffset
  let encodingName = givenEncoding
  if (typeof offset === 'string') {
    encodingName = offset
    offset = undefined
  }
  if (typeof value === 'number') {
    const start = startOf(bytes, offset, 1, forward)
    if (start === -1 || bytes.length === 0) return -1
    const byte = (value | 0) & 0xff
    return forward ? indexOfByte.call(bytes, byte, start) : lastIndexOfByte.call(bytes, byte, start)
  }
  const encoding = encodingName === undefined ? utf8 : encodingOf(encodingName)
  const step = encoding === utf16le ? 2 : 1
  if (typeof value === 'string') {
    if (encoding === undefined) throw unknownEncoding(encodingName)
    return find(bytes, encode(value, encoding), offset, step, forward)
  }
  if (value instanceof Uint8Array) return find(bytes, value, offset, step, forward)
  throw invalidArgType('value', ['number', 'string', 'Buffer', 'Uint8Array'], value)
}
