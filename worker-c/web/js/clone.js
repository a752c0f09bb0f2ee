// structuredClone: https://html.spec.whatwg.org/#safe-passing-of-structured-data

import { detach, isOutOfBounds, kindOf } from 'fn:web'
import { blobBytes, blobType, fileState, isBlob, makeBlob, makeFile } from './blob.js'
import { forEachValue, needArguments, toDictionary } from './idl.js'
import { isPlatformObject } from './platform.js'
import {
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeGetMaxByteLength,
  ArrayBufferPrototypeGetResizable,
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  BigIntPrototypeValueOf,
  BooleanPrototypeValueOf,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  DatePrototypeGetTime,
  MapPrototypeForEach,
  MapPrototypeGet,
  MapPrototypeHas,
  MapPrototypeSet,
  NumberPrototypeValueOf,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ObjectKeys,
  ObjectPrototypeHasOwnProperty,
  primordialGlobals,
  RegExpPrototypeGetFlags,
  RegExpPrototypeGetSource,
  SetPrototypeAdd,
  SetPrototypeForEach,
  StringPrototypeValueOf,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetTag,
  TypedArrayPrototypeSet,
} from './primordials.js'

const { Array, ArrayBuffer, DataView, Date, DOMException, Map, Object, RegExp, Set, Uint8Array } =
  primordialGlobals

const ERRORS = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
]

const refuse = (what) => new DOMException(`${what} cannot be cloned`, 'DataCloneError')

function define(object, key, value) {
  ObjectDefineProperty(object, key, {
    __proto__: null,
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

function hide(object, key, value) {
  ObjectDefineProperty(object, key, {
    __proto__: null,
    value,
    writable: true,
    configurable: true,
  })
}

function cloneProperties(from, to, seen) {
  const keys = ObjectKeys(from)
  for (let i = 0; i < keys.length; i++) {
    // A getter that ran before may have removed it.
    if (ObjectPrototypeHasOwnProperty(from, keys[i])) {
      define(to, keys[i], clone(from[keys[i]], seen))
    }
  }
  return to
}

function cloneMap(from, seen) {
  const to = new Map()
  MapPrototypeSet(seen, from, to)
  const list = []
  MapPrototypeForEach(from, (value, key) => ArrayPrototypePush(list, key, value))
  for (let i = 0; i < list.length; i += 2) {
    MapPrototypeSet(to, clone(list[i], seen), clone(list[i + 1], seen))
  }
  return to
}

function cloneSet(from, seen) {
  const to = new Set()
  MapPrototypeSet(seen, from, to)
  const list = []
  SetPrototypeForEach(from, (value) => ArrayPrototypePush(list, value))
  for (let i = 0; i < list.length; i++) SetPrototypeAdd(to, clone(list[i], seen))
  return to
}

function cloneError(from, seen) {
  const name = from.name
  const type = typeof name === 'string' && ArrayPrototypeIncludes(ERRORS, name) ? name : 'Error'
  const to = new primordialGlobals[type]()
  MapPrototypeSet(seen, from, to)
  const message = ObjectGetOwnPropertyDescriptor(from, 'message')
  if (message !== undefined && 'value' in message) hide(to, 'message', `${message.value}`)
  const cause = ObjectGetOwnPropertyDescriptor(from, 'cause')
  if (cause !== undefined && 'value' in cause) hide(to, 'cause', clone(cause.value, seen))
  return to
}

function cloneBuffer(from) {
  if (ArrayBufferPrototypeGetDetached(from)) throw refuse('a detached ArrayBuffer')
  const size = ArrayBufferPrototypeGetByteLength(from)
  const to = ArrayBufferPrototypeGetResizable(from)
    ? new ArrayBuffer(size, {
        __proto__: null,
        maxByteLength: ArrayBufferPrototypeGetMaxByteLength(from),
      })
    : new ArrayBuffer(size)
  TypedArrayPrototypeSet(new Uint8Array(to), new Uint8Array(from))
  return to
}

/** A view that follows the length of its resizable buffer goes on doing so. */
function tracksLength(buffer, offset, size) {
  return (
    kindOf(buffer) === 'ArrayBuffer' &&
    ArrayBufferPrototypeGetResizable(buffer) &&
    offset + size === ArrayBufferPrototypeGetByteLength(buffer)
  )
}

function cloneTypedArray(from, seen) {
  if (isOutOfBounds(from)) throw refuse('a view outside of its ArrayBuffer')
  const buffer = TypedArrayPrototypeGetBuffer(from)
  const offset = TypedArrayPrototypeGetByteOffset(from)
  const size = TypedArrayPrototypeGetByteLength(from)
  const length = TypedArrayPrototypeGetLength(from)
  const Constructor = primordialGlobals[TypedArrayPrototypeGetTag(from)]
  const copy = clone(buffer, seen)
  return tracksLength(buffer, offset, size)
    ? new Constructor(copy, offset)
    : new Constructor(copy, offset, length)
}

function cloneDataView(from, seen) {
  let offset
  let size
  try {
    offset = DataViewPrototypeGetByteOffset(from)
    size = DataViewPrototypeGetByteLength(from)
  } catch {
    throw refuse('a DataView of a detached ArrayBuffer')
  }
  const buffer = DataViewPrototypeGetBuffer(from)
  const copy = clone(buffer, seen)
  return tracksLength(buffer, offset, size)
    ? new DataView(copy, offset)
    : new DataView(copy, offset, size)
}

function cloneBlob(value) {
  const file = fileState(value)
  return file === undefined
    ? makeBlob(blobBytes(value), blobType(value))
    : makeFile(blobBytes(value), file.name, blobType(value), file.lastModified)
}

function cloneOther() {
  throw refuse('an object of this kind')
}

const leaves = {
  __proto__: null,
  Boolean: (value) => Object(BooleanPrototypeValueOf(value)),
  Number: (value) => Object(NumberPrototypeValueOf(value)),
  BigInt: (value) => Object(BigIntPrototypeValueOf(value)),
  String: (value) => Object(StringPrototypeValueOf(value)),
  Date: (value) => new Date(DatePrototypeGetTime(value)),
  RegExp: (value) => new RegExp(RegExpPrototypeGetSource(value), RegExpPrototypeGetFlags(value)),
  ArrayBuffer: cloneBuffer,
  TypedArray: cloneTypedArray,
  DataView: cloneDataView,
  DOMException: (value) => new DOMException(value.message, value.name),
  Other: cloneOther,
}

const branches = { __proto__: null, Map: cloneMap, Set: cloneSet, Error: cloneError }

function clone(value, seen) {
  if (typeof value === 'symbol') throw refuse('a symbol')
  if (typeof value === 'function') throw refuse('a function')
  if (typeof value !== 'object' || value === null) return value
  if (MapPrototypeHas(seen, value)) return MapPrototypeGet(seen, value)
  const kind = kindOf(value)
  if (kind === 'Object' && isPlatformObject(value)) {
    if (!isBlob(value)) throw refuse('an object of this kind')
    const blob = cloneBlob(value)
    MapPrototypeSet(seen, value, blob)
    return blob
  }
  if (kind === 'Object' || kind === 'Array') {
    const to = kind === 'Array' ? new Array(value.length) : {}
    MapPrototypeSet(seen, value, to)
    return cloneProperties(value, to, seen)
  }
  if (branches[kind] !== undefined) return branches[kind](value, seen)
  if (leaves[kind] === undefined) throw refuse(`a ${kind}`)
  const to = leaves[kind](value, seen)
  MapPrototypeSet(seen, value, to)
  return to
}

function readTransfer(transfer) {
  const list = []
  if (transfer === undefined) return list
  forEachValue(transfer, 'structuredClone: transfer', (value) => {
    if (kindOf(value) !== 'ArrayBuffer') throw refuse('what is to be transferred')
    if (ArrayPrototypeIncludes(list, value)) throw refuse('an ArrayBuffer that is given twice')
    ArrayPrototypePush(list, value)
  })
  return list
}

/** What is transferred is copied, and detached only when all the rest could be cloned. */
function structuredClone(value, options = undefined) {
  needArguments('structuredClone', arguments.length, 1)
  const list = readTransfer(toDictionary(options, 'structuredClone: the options').transfer)
  const seen = new Map()
  for (let i = 0; i < list.length; i++) MapPrototypeSet(seen, list[i], cloneBuffer(list[i]))
  const result = clone(value, seen)
  for (let i = 0; i < list.length; i++) {
    if (ArrayBufferPrototypeGetDetached(list[i])) throw refuse('a detached ArrayBuffer')
    detach(list[i])
  }
  return result
}

/** structuredClone without transfer. */
export const cloneValue = (value) => clone(value, new Map())

define(globalThis, 'structuredClone', structuredClone)
