// The Streams standard, from the ponyfill, and what bodies need of it: https://streams.spec.whatwg.org/

import {
  feedCancel,
  feedRead,
  feedWait,
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
  ObjectKeys,
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
const readNext = uncurryThis(ponyfill.ReadableStreamDefaultReader.prototype.read)
const cancelReader = uncurryThis(ponyfill.ReadableStreamDefaultReader.prototype.cancel)
const enqueue = uncurryThis(ReadableByteStreamController.prototype.enqueue)
const closeController = uncurryThis(ReadableByteStreamController.prototype.close)
const getRequest = uncurryThis(
  ObjectGetOwnPropertyDescriptor(ReadableByteStreamController.prototype, 'byobRequest').get,
)
const respond = uncurryThis(ReadableStreamBYOBRequest.prototype.respond)

const names = ObjectKeys(ponyfill)
for (let i = 0; i < names.length; i++) {
  ObjectDefineProperty(globalThis, names[i], {
    __proto__: null,
    value: ponyfill[names[i]],
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

/** The stream of a body that was read by one of its methods. */
export function usedStream() {
  const stream = streamOfBytes(new Uint8Array(0))
  cancelReadable(stream)
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

function readAll(reader, state, resolve, reject) {
  then(
    readNext(reader),
    (result) => {
      if (result.done) {
        try {
          resolve(packageBody(state.as, join(state.chunks, state.size), state.type))
        } catch (error) {
          reject(error)
        }
        return
      }
      const chunk = result.value
      if (!isBytes(chunk)) {
        const error = new TypeError('a chunk of the body is not a Uint8Array')
        then(cancelReader(reader, error), undefined, () => {})
        reject(error)
        return
      }
      ArrayPrototypePush(state.chunks, chunk)
      state.size += TypedArrayPrototypeGetByteLength(chunk)
      readAll(reader, state, resolve, reject)
    },
    reject,
  )
}

/** A promise of a whole stream as `as` (fn_body_as in body.h). */
export function consumeStream(stream, as, type) {
  const reader = getReader(stream)
  const state = { __proto__: null, as, type, chunks: [], size: 0 }
  return new Promise((resolve, reject) => readAll(reader, state, resolve, reject))
}

export const teeStream = (stream) => splitReadable(stream)

/** A stream that takes over from one that was handed to another object. */
export const proxyStream = (stream) => pipeThrough(stream, new TransformStream())

// ---- the host reads a response

export const openReader = (stream) => getReader(stream)

export function readChunk(pump, reader) {
  then(
    readNext(reader),
    (result) => {
      if (result.done) pumpEnd(pump)
      else if (pumpChunk(pump, result.value)) readChunk(pump, reader)
    },
    (error) => pumpError(pump, error),
  )
}

/** Cancels by the reader where there is one; what comes of it concerns nobody. */
export function cancelStream(target, reason) {
  const done = isStream(target) ? cancelReadable(target, reason) : cancelReader(target, reason)
  then(done, undefined, () => {})
}
