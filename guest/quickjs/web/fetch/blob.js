// Blob and File: https://w3c.github.io/FileAPI/

import { copyBytes, decodeUtf8Bom, encodeUtf8 } from 'fn:web'
import {
  defineInterface,
  forEachValue,
  isObject,
  needArguments,
  toClampedInteger,
  toDictionary,
} from '../idl/idl.js'
import {
  ArrayPrototypePush,
  DateNow,
  MathMax,
  MathMin,
  MathTrunc,
  primordialGlobals,
  StringPrototypeCharCodeAt,
  StringPrototypeReplaceAll,
  StringPrototypeToLowerCase,
  StringPrototypeToWellFormed,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeSet,
} from '../idl/primordials.js'
import { streamOfBytes } from '../streams/streams.js'

const { Number, Promise, TypeError, Uint8Array } = primordialGlobals

const token = {}
export let isBlob
let bytesOf
let typeOf

function normalizeType(value) {
  const type = `${value}`
  for (let i = 0; i < type.length; i++) {
    const code = StringPrototypeCharCodeAt(type, i)
    if (code < 0x20 || code > 0x7e) return ''
  }
  return StringPrototypeToLowerCase(type)
}

function toEndings(value) {
  if (value === undefined) return 'transparent'
  const endings = `${value}`
  if (endings !== 'transparent' && endings !== 'native') {
    throw new TypeError("Blob: endings is neither 'transparent' nor 'native'")
  }
  return endings
}

/** The elements of the sequence, converted one by one; strings later, when `endings` is known. */
function readParts(parts) {
  const list = []
  if (parts === undefined) return list
  forEachValue(parts, 'Blob: the first argument', (part) => {
    const bytes = isBlob(part) ? bytesOf(part) : copyBytes(part)
    ArrayPrototypePush(list, bytes === undefined ? StringPrototypeToWellFormed(`${part}`) : bytes)
  })
  return list
}

function nativeEndings(text) {
  return StringPrototypeReplaceAll(StringPrototypeReplaceAll(text, '\r\n', '\n'), '\r', '\n')
}

/** Joins many Uint8Arrays. */
export function concatBytes(list) {
  let size = 0
  for (let i = 0; i < list.length; i++) size += TypedArrayPrototypeGetByteLength(list[i])
  const bytes = new Uint8Array(size)
  let at = 0
  for (let i = 0; i < list.length; i++) {
    TypedArrayPrototypeSet(bytes, list[i], at)
    at += TypedArrayPrototypeGetByteLength(list[i])
  }
  return bytes
}

function joinParts(list, endings) {
  for (let i = 0; i < list.length; i++) {
    if (typeof list[i] === 'string') {
      list[i] = encodeUtf8(endings === 'native' ? nativeEndings(list[i]) : list[i])
    }
  }
  return list.length === 1 ? list[0] : concatBytes(list)
}

function sliceRange(size, start, end) {
  const clamp = (value) => (value < 0 ? MathMax(size + value, 0) : MathMin(value, size))
  const from = start === undefined ? 0 : clamp(toClampedInteger(start))
  const to = end === undefined ? size : clamp(toClampedInteger(end))
  return { __proto__: null, from, length: MathMax(to - from, 0) }
}

export class Blob {
  #bytes
  #type

  constructor(blobParts = undefined, options = undefined) {
    if (blobParts === token) {
      this.#bytes = options.bytes
      this.#type = options.type
      return
    }
    const parts = readParts(blobParts)
    const init = toDictionary(options, 'Blob: the second argument')
    const endings = toEndings(init.endings)
    const type = init.type
    this.#type = type === undefined ? '' : normalizeType(type)
    this.#bytes = joinParts(parts, endings)
  }

  static {
    isBlob = (value) => isObject(value) && #bytes in value
    bytesOf = (blob) => blob.#bytes
    typeOf = (blob) => blob.#type
  }

  get size() {
    return TypedArrayPrototypeGetByteLength(this.#bytes)
  }
  get type() {
    return this.#type
  }
  slice(start = undefined, end = undefined, contentType = undefined) {
    const bytes = this.#bytes
    const { from, length } = sliceRange(TypedArrayPrototypeGetByteLength(bytes), start, end)
    const type = contentType === undefined ? '' : normalizeType(contentType)
    const offset = TypedArrayPrototypeGetByteOffset(bytes) + from
    return makeBlob(new Uint8Array(TypedArrayPrototypeGetBuffer(bytes), offset, length), type)
  }
  stream() {
    return streamOfBytes(copyBytes(this.#bytes))
  }
  text() {
    return new Promise((resolve) => resolve(decodeUtf8Bom(this.#bytes)))
  }
  arrayBuffer() {
    return new Promise((resolve) => resolve(TypedArrayPrototypeGetBuffer(copyBytes(this.#bytes))))
  }
  bytes() {
    return new Promise((resolve) => resolve(copyBytes(this.#bytes)))
  }
}
defineInterface(Blob)

/** A Blob over bytes that nothing else may change. `type` is already normalised. */
export function makeBlob(bytes, type) {
  return new Blob(token, { __proto__: null, bytes, type })
}

/** The bytes of a Blob. The caller must neither change nor expose them. */
export const blobBytes = (blob) => bytesOf(blob)
export const blobType = (blob) => typeOf(blob)

/** { name, lastModified } of a File; undefined for anything else. */
export let fileState

export class File extends Blob {
  #name
  #lastModified

  constructor(fileBits, fileName, options = undefined) {
    if (fileBits === token) {
      super(token, fileName)
      this.#name = fileName.name
      this.#lastModified = fileName.lastModified
      return
    }
    needArguments('File', arguments.length, 2)
    if (fileBits === undefined) throw new TypeError('File: the parts are not a sequence')
    super(fileBits, options)
    this.#name = StringPrototypeToWellFormed(`${fileName}`)
    const modified = options === undefined || options === null ? undefined : options.lastModified
    this.#lastModified = modified === undefined ? DateNow() : toLongLong(modified)
  }

  static {
    fileState = (value) =>
      isObject(value) && #name in value
        ? { __proto__: null, name: value.#name, lastModified: value.#lastModified }
        : undefined
  }

  get name() {
    return this.#name
  }
  get lastModified() {
    return this.#lastModified
  }
}
defineInterface(File)

/** WebIDL's `long long`; a value that is out of range or not a number becomes 0. */
function toLongLong(value) {
  const number = MathTrunc(Number(value))
  return number >= -(2 ** 63) && number < 2 ** 63 ? number + 0 : 0
}

/** A File over bytes that nothing else may change. */
export function makeFile(bytes, name, type, lastModified = DateNow()) {
  return new File(token, { __proto__: null, bytes, name, type, lastModified })
}
