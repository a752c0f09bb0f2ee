/** isUtf8 and isAscii of node:buffer. */
import { invalidArgType, invalidState } from '../internal/errors.ts'
import { isAnyArrayBuffer, tagOf } from './kinds.js'

const detachedError = () => invalidState('Cannot validate on a detached buffer')

/** The bytes of a view or an ArrayBuffer. */
function bytesOf(input) {
  if (isAnyArrayBuffer(input)) {
    if (input.detached) throw detachedError()
    return new Uint8Array(input)
  }
  if (tagOf.call(input) === undefined) {
    throw invalidArgType('input', ['ArrayBuffer', 'Buffer', 'TypedArray'], input)
  }
  if (input.buffer.detached) throw detachedError()
  return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function isUtf8(input) {
  const bytes = bytesOf(input)
  try {
    strictDecoder.decode(bytes)
    return true
  } catch {
    return false
  }
}

export function isAscii(input) {
  return bytesOf(input).every((byte) => byte < 128)
}
