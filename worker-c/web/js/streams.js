// The Streams standard, from the ponyfill, and what bodies need of it: https://streams.spec.whatwg.org/

import {
  feedCancel,
  feedRead,
  feedWait,
  lazy,
  packageBody,
  pumpChunk,
  pumpEnd,
  pumpError,
  then,
} from 'fn:web'
import {
  ArrayPrototypePush,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetOwnPropertySymbols,
  ObjectKeys,
  ObjectPrototypeHasOwnProperty,
  primordialGlobals,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetTag,
  TypedArrayPrototypeSet,
  uncurryThis,
} from './primordials.js'
import * as ponyfill from './streams-ponyfill.js'

const { Promise, TypeError, Uint8Array } = primordialGlobals
const { ReadableByteStreamController, ReadableStream, ReadableStreamBYOBRequest, TransformStream } =
  ponyfill
const { prototype } = ReadableStream
const getReader = uncurryThis(prototype.getReader)
const cancelReadable = uncurryThis(prototype.cancel)
const pipeThrough = uncurryThis(prototype.pipeThrough)
const splitReadable = uncurryThis(prototype.tee)
const isLocked = uncurryThis(ObjectGetOwnPropertyDescriptor(prototype, 'locked').get)
const cancelReader = uncurryThis(ponyfill.ReadableStreamDefaultReader.prototype.cancel)
const enqueue = uncurryThis(ReadableByteStreamController.prototype.enqueue)
const enqueueDefault = uncurryThis(ponyfill.TransformStreamDefaultController.prototype.enqueue)
const closeController = uncurryThis(ReadableByteStreamController.prototype.close)
const getRequest = uncurryThis(
  ObjectGetOwnPropertyDescriptor(ReadableByteStreamController.prototype, 'byobRequest').get,
)
const respond = uncurryThis(ReadableStreamBYOBRequest.prototype.respond)

// Every export is an interface of the standard.
const interfaces = ponyfill
const names = ObjectKeys(interfaces)
for (let i = 0; i < names.length; i++) {
  ObjectDefineProperty(globalThis, names[i], {
    __proto__: null,
    value: interfaces[names[i]],
    writable: true,
    configurable: true,
  })
}

export function isStream(value) {
  try {
    isLocked(value)
    return true
  } catch {
    return false
  }
}

export const isUnusable = (stream) => isLocked(stream) || stream._disturbed

const newByteStream = (source) =>
  new ReadableStream({ __proto__: null, type: 'bytes', ...source }, BYTES_AT_ONCE)

// Nothing is taken out of the source before somebody reads.
const BYTES_AT_ONCE = { __proto__: null, highWaterMark: 0 }

/** A BYOB read that waits when the stream closes wants an answer. */
function finish(controller) {
  closeController(controller)
  const request = getRequest(controller)
  if (request !== null) respond(request, 0)
}

/** A stream of bytes that it takes over. */
export function streamOfBytes(bytes) {
  let left = TypedArrayPrototypeGetByteLength(bytes) > 0 ? bytes : undefined
  return newByteStream({
    __proto__: null,
    start(controller) {
      if (left === undefined) closeController(controller)
    },
    pull(controller) {
      const chunk = left
      left = undefined
      enqueue(controller, chunk)
      closeController(controller)
    },
    cancel() {
      left = undefined
    },
  })
}

/** Moves what the host sent into the stream, or waits for it. */
function pullFeed(feed, controller, resolve, reject) {
  try {
    const chunk = feedRead(feed)
    if (chunk === undefined) {
      feedWait(feed, () => pullFeed(feed, controller, resolve, reject))
      return
    }
    if (chunk === null) finish(controller)
    else enqueue(controller, chunk)
    resolve()
  } catch (error) {
    reject(error)
  }
}

/** The stream of a request's body. */
export function streamOfFeed(feed) {
  return newByteStream({
    __proto__: null,
    pull: (controller) =>
      new Promise((resolve, reject) => pullFeed(feed, controller, resolve, reject)),
    cancel: () => feedCancel(feed),
  })
}

/** The stream of a body that was read by one of its methods: it stays locked. */
export function usedStream() {
  const stream = streamOfBytes(new Uint8Array(0))
  const reader = getReader(stream)
  then(cancelReader(reader), undefined, () => {})
  return stream
}

const isBytes = (chunk) => {
  try {
    return TypedArrayPrototypeGetTag(chunk) === 'Uint8Array'
  } catch {
    return false
  }
}

function join(chunks, size) {
  if (chunks.length === 1) return chunks[0]
  const bytes = new Uint8Array(size)
  let at = 0
  for (let i = 0; i < chunks.length; i++) {
    TypedArrayPrototypeSet(bytes, chunks[i], at)
    at += TypedArrayPrototypeGetByteLength(chunks[i])
  }
  return bytes
}

function symbolOf(prototype, description) {
  const symbols = ObjectGetOwnPropertySymbols(prototype)
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i].description === description) return symbols[i]
  }
  throw new TypeError(`the streams have no ${description}`)
}
const PULL = symbolOf(ponyfill.ReadableStreamDefaultController.prototype, '[[PullSteps]]')

/**
 * The standard's ReadableStreamDefaultReaderRead, as the ponyfill has it inside: with steps in place
 * of a promise, so that no `then` of a tenant's comes between.
 */
function readNext(stream, steps) {
  stream._disturbed = true
  if (stream._state === 'closed') steps._closeSteps()
  else if (stream._state === 'errored') steps._errorSteps(stream._storedError)
  else stream._readableStreamController[PULL](steps)
}

/** Reads until `take` says no more; chunks that are there already are not taken by recursion. */
function readWhile(stream, take, close, fail) {
  let returned
  const again = () => {
    let more = true
    while (more) {
      let arrived = false
      returned = false
      readNext(stream, {
        __proto__: null,
        _chunkSteps(chunk) {
          arrived = take(chunk)
          if (returned && arrived) again()
        },
        _closeSteps: close,
        _errorSteps: fail,
      })
      returned = true
      more = arrived
    }
  }
  again()
}

function readAll(stream, reader, state, resolve, reject) {
  readWhile(
    stream,
    (chunk) => {
      if (!isBytes(chunk)) {
        const error = new TypeError('a chunk of the body is not a Uint8Array')
        then(cancelReader(reader, error), undefined, () => {})
        reject(error)
        return false
      }
      ArrayPrototypePush(state.chunks, chunk)
      state.size += TypedArrayPrototypeGetByteLength(chunk)
      return true
    },
    () => {
      try {
        resolve(packageBody(state.as, join(state.chunks, state.size), state.type))
      } catch (error) {
        reject(error)
      }
    },
    reject,
  )
}

/** A promise of a whole stream as `as` (fn_body_as in body.h). */
export function consumeStream(stream, as, type) {
  const reader = getReader(stream)
  const state = { __proto__: null, as, type, chunks: [], size: 0 }
  return new Promise((resolve, reject) => readAll(stream, reader, state, resolve, reject))
}

function cloneChunk(chunk, controller) {
  enqueueDefault(controller, lazy('clone.js').cloneValue(chunk))
}

/** Two streams; where chunks are objects of the tenant's, the second one gets clones. */
export function teeStream(stream) {
  const branches = splitReadable(stream)
  const isBytes = ObjectPrototypeHasOwnProperty(stream._readableStreamController, '_byobRequest')
  if (isBytes) return branches
  const clones = new TransformStream({ __proto__: null, transform: cloneChunk })
  return [branches[0], pipeThrough(branches[1], clones)]
}

/** A stream that takes over from one that was handed to another object. */
export const proxyStream = (stream) => pipeThrough(stream, new TransformStream())

// ---- the host reads a response

export const openReader = (stream) => getReader(stream)

export function readChunk(pump, stream) {
  readWhile(
    stream,
    (chunk) => pumpChunk(pump, chunk),
    () => pumpEnd(pump),
    (error) => pumpError(pump, error),
  )
}

/** Cancels by the reader where there is one; what comes of it concerns nobody. */
export function cancelStream(target, reason) {
  const done = isStream(target) ? cancelReadable(target, reason) : cancelReader(target, reason)
  then(done, undefined, () => {})
}
