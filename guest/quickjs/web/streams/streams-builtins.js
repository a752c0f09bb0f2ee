// The parts of the language that the streams use, as they were before any code of the bundle ran.
// Patches make the ponyfill call these (guest/quickjs/patches/web-streams-polyfill).
//
// In modules whose names begin with `streams`, names that begin with `_` are slots: properties that
// no script can see, name or create (JS_READ_OBJ_SLOTS, guest/quickjs/patches).

import { lazy, promiseNew, promiseResolvedWith, promiseUpon } from 'fn:web'
import { abortSignal, newSignal } from '../events/abort.js'
import { forEachValue, toDictionary } from '../idl/idl.js'
import {
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  ObjectCreate,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  ObjectSetPrototypeOf,
  primordialGlobals,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetTag,
  TypedArrayPrototypeSet,
  uncurryThis,
} from '../idl/primordials.js'

export {
  hasSlot,
  markHandled,
  promiseNew,
  promiseRejectedWith,
  promiseResolvedWith,
  promiseUpon,
  then as promiseThen,
} from 'fn:web'
export {
  abortReason,
  addAbortAlgorithm,
  isAborted,
  isSignal,
  removeAbortAlgorithm,
} from '../events/abort.js'
export {
  ArrayBufferPrototypeGetDetached as isDetached,
  MathMin as minOf,
  MathTrunc as truncate,
  ReflectApply,
} from '../idl/primordials.js'

export const {
  ArrayBuffer,
  Boolean,
  DataView,
  Number,
  queueMicrotask,
  RangeError,
  String,
  Symbol,
  TypeError,
  Uint8Array,
} = primordialGlobals

export const Object = {
  __proto__: null,
  create: ObjectCreate,
  defineProperties: primordialGlobals.Object.defineProperties,
  defineProperty: ObjectDefineProperty,
}

const AsyncIteratorPrototype = ObjectGetPrototypeOf(
  ObjectGetPrototypeOf(async function* () {}.prototype),
)
export const makeAsyncIterator = (prototype) =>
  ObjectSetPrototypeOf(prototype, AsyncIteratorPrototype)

/** An array on which a prototype has no effect. */
export const newList = () => ObjectSetPrototypeOf([], null)

/** A first-in, first-out queue. Removed elements leave holes until the queue is empty. */
export class Queue {
  constructor() {
    this._items = newList()
    this._first = 0
    this._end = 0
  }
  get length() {
    return this._end - this._first
  }
  push(value) {
    if (this._first >= 1024 && this._first * 2 >= this._end) this._compact()
    this._items[this._end++] = value
  }
  _compact() {
    const items = newList()
    for (let i = this._first; i < this._end; i++) items[i - this._first] = this._items[i]
    this._items = items
    this._end -= this._first
    this._first = 0
  }
  shift() {
    const value = this._items[this._first]
    this._items[this._first++] = undefined
    if (this._first === this._end) this._first = this._end = 0
    return value
  }
  peek() {
    return this._items[this._first]
  }
  forEach(each) {
    for (let i = this._first; i < this._end; i++) each(this._items[i])
  }
}

// ---- buffers

export const { isView } = ArrayBuffer
export const transferBuffer = uncurryThis(ArrayBuffer.prototype.transfer)

const isArray = (view) => TypedArrayPrototypeGetTag(view) !== undefined

export const viewBuffer = (view) =>
  isArray(view) ? TypedArrayPrototypeGetBuffer(view) : DataViewPrototypeGetBuffer(view)
export const viewLength = TypedArrayPrototypeGetLength
export const viewConstructorOf = (view) =>
  isArray(view) ? primordialGlobals[TypedArrayPrototypeGetTag(view)] : DataView

/** 0 for a DataView that lies outside of its buffer, as for a typed array. */
function numberOf(view, ofArray, ofDataView) {
  if (isArray(view)) return ofArray(view)
  try {
    return ofDataView(view)
  } catch {
    return 0
  }
}
export const viewByteLength = (view) =>
  numberOf(view, TypedArrayPrototypeGetByteLength, DataViewPrototypeGetByteLength)
export const viewByteOffset = (view) =>
  numberOf(view, TypedArrayPrototypeGetByteOffset, DataViewPrototypeGetByteOffset)

export const elementSize = (constructor) =>
  constructor === DataView ? 1 : constructor.BYTES_PER_ELEMENT

export function copyBytes(to, at, from, offset, size) {
  TypedArrayPrototypeSet(new Uint8Array(to), new Uint8Array(from, offset, size), at)
}

// ---- chunks of the type `owning`

export const cloneChunk = (chunk) => lazy('html/clone.js').cloneValue(chunk)

export function ownChunk(controller, chunk, options) {
  const { transfer } = toDictionary(options, 'enqueue: the options')
  if (controller._owning) {
    return lazy('html/transfer.js').structuredClone(chunk, { __proto__: null, transfer })
  }
  if (transfer !== undefined) {
    forEachValue(transfer, 'enqueue: transfer', () => {
      throw new TypeError('only a stream of type owning can transfer')
    })
  }
  return chunk
}

// ---- signals of writable streams, created on first use

export function signalOf(controller) {
  if (controller._signal === undefined) {
    controller._signal = newSignal()
    if (controller._aborted) abortSignal(controller._signal, controller._signalReason)
  }
  return controller._signal
}

export function signalAbort(controller, reason) {
  if (controller._aborted) return
  controller._aborted = true
  controller._signalReason = reason
  if (controller._signal !== undefined) abortSignal(controller._signal, reason)
}

/** A promise for both, each of which may be undefined; rejects with the first rejection. */
export function bothSettled(first, second) {
  if (first === undefined || second === undefined) {
    const only = first === undefined ? second : first
    return only === undefined ? promiseResolvedWith(undefined) : only
  }
  return promiseNew((resolve, reject) => {
    promiseUpon(first, () => promiseUpon(second, resolve, undefined), reject)
    promiseUpon(second, undefined, reject)
  })
}
