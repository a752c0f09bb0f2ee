// structuredClone: https://html.spec.whatwg.org/#safe-passing-of-structured-data

import { classOf, isOutOfBounds } from 'fn:web'
import { blobBytes, blobType, fileState, isBlob, makeBlob, makeFile } from '../fetch/blob.js'
import { cloneCryptoKey, isCryptoKey } from '../idl/lazy-hooks.js'
import {
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeGetMaxByteLength,
  ArrayBufferPrototypeGetResizable,
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  ArrayPrototypeSplice,
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
} from '../idl/primordials.js'
import { isPlatformObject } from './platform.js'

const {
  Array,
  ArrayBuffer,
  DataView,
  Date,
  DOMException,
  Map,
  Object,
  RangeError,
  RegExp,
  Set,
  Uint8Array,
} = primordialGlobals

const ERRORS = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
]

export const refuse = (what) => new DOMException(`${what} cannot be cloned`, 'DataCloneError')

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

function fillProperties(from, to, state) {
  const keys = ObjectKeys(from)
  for (let i = 0; i < keys.length; i++) {
    // A getter that ran before may have removed the property.
    if (ObjectPrototypeHasOwnProperty(from, keys[i])) {
      define(to, keys[i], clone(from[keys[i]], state))
    }
  }
}

function fillMap(from, to, state) {
  const list = []
  MapPrototypeForEach(from, (value, key) => ArrayPrototypePush(list, key, value))
  for (let i = 0; i < list.length; i += 2) {
    MapPrototypeSet(to, clone(list[i], state), clone(list[i + 1], state))
  }
}

function fillSet(from, to, state) {
  const list = []
  SetPrototypeForEach(from, (value) => ArrayPrototypePush(list, value))
  for (let i = 0; i < list.length; i++) SetPrototypeAdd(to, clone(list[i], state))
}

function newError(from) {
  const name = from.name
  const type = typeof name === 'string' && ArrayPrototypeIncludes(ERRORS, name) ? name : 'Error'
  return new primordialGlobals[type]()
}

function fillError(from, to, state) {
  const message = ObjectGetOwnPropertyDescriptor(from, 'message')
  if (message !== undefined && 'value' in message) hide(to, 'message', `${message.value}`)
  const cause = ObjectGetOwnPropertyDescriptor(from, 'cause')
  if (cause !== undefined && 'value' in cause) hide(to, 'cause', clone(cause.value, state))
}

export function cloneBuffer(from) {
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

/** A view that tracks the length of its resizable buffer; so must its clone. */
function tracksLength(buffer, offset, size) {
  return (
    classOf(buffer) === 'ArrayBuffer' &&
    ArrayBufferPrototypeGetResizable(buffer) &&
    offset + size === ArrayBufferPrototypeGetByteLength(buffer)
  )
}

function cloneTypedArray(from, state) {
  if (isOutOfBounds(from)) throw refuse('a view outside of its ArrayBuffer')
  const buffer = TypedArrayPrototypeGetBuffer(from)
  const offset = TypedArrayPrototypeGetByteOffset(from)
  const size = TypedArrayPrototypeGetByteLength(from)
  const length = TypedArrayPrototypeGetLength(from)
  const Constructor = primordialGlobals[TypedArrayPrototypeGetTag(from)]
  const copy = clone(buffer, state)
  return tracksLength(buffer, offset, size)
    ? new Constructor(copy, offset)
    : new Constructor(copy, offset, length)
}

function cloneDataView(from, state) {
  let offset
  let size
  try {
    offset = DataViewPrototypeGetByteOffset(from)
    size = DataViewPrototypeGetByteLength(from)
  } catch {
    throw refuse('a DataView of a detached ArrayBuffer')
  }
  const buffer = DataViewPrototypeGetBuffer(from)
  const copy = clone(buffer, state)
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

/** Objects that contain other values are created empty and filled later. */
const branches = {
  __proto__: null,
  Array: { __proto__: null, make: (from) => new Array(from.length), fill: fillProperties },
  Error: { __proto__: null, make: newError, fill: fillError },
  Map: { __proto__: null, make: () => new Map(), fill: fillMap },
  Object: { __proto__: null, make: () => ({}), fill: fillProperties },
  Set: { __proto__: null, make: () => new Set(), fill: fillSet },
}

function cloneObject(value, kind, state) {
  if (kind === 'Object' && isPlatformObject(value)) {
    if (isCryptoKey(value)) return cloneCryptoKey(value)
    if (!isBlob(value)) throw refuse('an object of this kind')
    return cloneBlob(value)
  }
  const branch = branches[kind]
  if (branch === undefined) {
    if (leaves[kind] === undefined) throw refuse(`a ${kind}`)
    return leaves[kind](value, state)
  }
  const to = branch.make(value)
  if (state.depth >= MAX_DEPTH) throw new RangeError('the value is nested too deeply')
  ArrayPrototypePush(state.pending, branch.fill, value, to, state.depth + 1)
  return to
}

function clone(value, state) {
  if (typeof value === 'symbol') throw refuse('a symbol')
  if (typeof value === 'function') throw refuse('a function')
  if (typeof value !== 'object' || value === null) return value
  if (MapPrototypeHas(state.seen, value)) return MapPrototypeGet(state.seen, value)
  const to = cloneObject(value, classOf(value), state)
  MapPrototypeSet(state.seen, value, to)
  return to
}

/** Entries of the queue that are done are removed in batches of this size. */
const BATCH = 4000
const MAX_DEPTH = 20_000

const newState = () => ({ __proto__: null, seen: new Map(), pending: [], depth: 0 })

/** Uses a queue and no recursion, so that depth costs only memory. */
function cloneAll(value, state) {
  const result = clone(value, state)
  const { pending } = state
  for (let i = 0; i < pending.length; i += 4) {
    state.depth = pending[i + 3]
    pending[i](pending[i + 1], pending[i + 2], state)
    if (i >= BATCH) {
      ArrayPrototypeSplice(pending, 0, i + 4)
      i = -4
    }
  }
  return result
}

/**
 * The clone of a value.
 *
 * @param given replacements for objects that are not cloned, because they are transferred
 */
export function cloneValue(value, given = []) {
  const state = newState()
  for (let i = 0; i < given.length; i++) {
    MapPrototypeSet(state.seen, given[i].from, given[i].to)
  }
  return cloneAll(value, state)
}
