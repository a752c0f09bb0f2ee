/** Bytes in arguments and results of node:crypto. */

import { Buffer } from 'node:buffer'
import { argType } from './errors.ts'

export type Bytes = ArrayBuffer | SharedArrayBuffer | ArrayBufferView
export type Data = string | Bytes

export const isAnyBuffer = (value: unknown): value is ArrayBuffer | SharedArrayBuffer =>
  Object.prototype.toString.call(value) === '[object ArrayBuffer]' ||
  Object.prototype.toString.call(value) === '[object SharedArrayBuffer]'

export const isBytes = (value: unknown): value is Bytes =>
  ArrayBuffer.isView(value) || isAnyBuffer(value)

/** A view of the same memory. */
export function viewOf(value: Bytes): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value)
}

export const BYTES = 'an instance of ArrayBuffer, Buffer, TypedArray, or DataView'
export const DATA = `of type string or ${BYTES}`

/** Like Node's `getArrayBufferOrView`. A string is read in the encoding `buffer` as UTF-8. */
export function dataBytes(value: unknown, name: string, encoding?: unknown): Uint8Array {
  if (typeof value === 'string') return fromText(value, encoding)
  if (!isBytes(value)) throw argType(name, DATA, value)
  return viewOf(value)
}

/** The same without ArrayBuffer, as the methods named `update` have it. */
export function updateBytes(value: unknown, name: string, encoding?: unknown): Uint8Array {
  if (typeof value === 'string') return fromText(value, encoding)
  if (!ArrayBuffer.isView(value)) {
    const expected = 'of type string or an instance of Buffer, TypedArray, or DataView'
    throw argType(name, expected, value)
  }
  return viewOf(value)
}

function fromText(text: string, encoding: unknown): Uint8Array {
  const known = encoding === undefined || encoding === null || encoding === 'buffer'
  return Buffer.from(text, (known ? 'utf8' : String(encoding)) as BufferEncoding)
}

/** A result as a Buffer, or as text when an encoding is given. */
export function inEncoding(bytes: ArrayBuffer | Uint8Array, encoding?: unknown): Buffer | string {
  const buffer = bufferOf(bytes)
  return encoding === undefined || encoding === null || encoding === 'buffer'
    ? buffer
    : buffer.toString(String(encoding) as BufferEncoding)
}

export function bufferOf(bytes: ArrayBuffer | Uint8Array): Buffer {
  return bytes instanceof ArrayBuffer
    ? Buffer.from(bytes)
    : Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.byteLength
  }
  return all
}

/** @throws {SyntaxError} when the text is not base64url */
export function fromBase64Url(text: string): Uint8Array {
  return Uint8Array.fromBase64(text.replace(/=+$/, ''), { alphabet: 'base64url' })
}

export function toBase64Url(bytes: ArrayBuffer | Uint8Array): string {
  const view = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes
  return view.toBase64({ alphabet: 'base64url', omitPadding: true })
}
