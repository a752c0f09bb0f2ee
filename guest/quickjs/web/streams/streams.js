// The Streams standard, from the ponyfill, and what bodies need: https://streams.spec.whatwg.org/

import {
  hostBodyCancel,
  hostBodyForward,
  hostBodyRead,
  hostBodyWait,
  packageBody,
  streamSourceChunk,
  streamSourceEnd,
  streamSourceError,
  then,
} from 'fn:web'
import {
  ArrayPrototypePush,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ObjectKeys,
  primordialGlobals,
  StringPrototypeCharCodeAt,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetTag,
  TypedArrayPrototypeSet,
  uncurryThis,
} from '../idl/primordials.js'
import { hasSlot } from './streams-builtins.js'
import * as ponyfill from './streams-ponyfill.js'

const { Promise, TypeError, Uint8Array } = primordialGlobals
const { ReadableByteStreamController, ReadableStream, ReadableStreamBYOBRequest, TransformStream } =
  ponyfill
const { acquireReader, readWithSteps, splitReadable } = ponyfill
const { prototype } = ReadableStream
const cancelReadable = uncurryThis(prototype.cancel)
const pipeThrough = uncurryThis(prototype.pipeThrough)
const cancelReader = uncurryThis(ponyfill.ReadableStreamDefaultReader.prototype.cancel)
const enqueue = uncurryThis(ReadableByteStreamController.prototype.enqueue)
const errorController = uncurryThis(ReadableByteStreamController.prototype.error)
const closeController = uncurryThis(ReadableByteStreamController.prototype.close)
const getRequest = uncurryThis(
  ObjectGetOwnPropertyDescriptor(ReadableByteStreamController.prototype, 'byobRequest').get,
)
const respond = uncurryThis(ReadableStreamBYOBRequest.prototype.respond)
/** For lazy modules, which load after a script may have changed the prototypes. */
export const pipeTo = uncurryThis(prototype.pipeTo)

// Names with a capital are interfaces of the standard; the others are its algorithms.
const exported = { __proto__: null, ...ponyfill }
const names = ObjectKeys(exported)
for (let i = 0; i < names.length; i++) {
  const first = StringPrototypeCharCodeAt(names[i], 0)
  if (first < 0x41 || first > 0x5a) continue
  ObjectDefineProperty(globalThis, names[i], {
    __proto__: null,
    value: exported[names[i]],
    writable: true,
    configurable: true,
  })
}

export const isStream = (value) => hasSlot(value, '_readableStreamController')

export const isUnusable = (stream) => stream._reader !== undefined || stream._disturbed

/** Whether it is an object of the standard's interfaces that has the state of a stream. */
export const isStreamObject = (value) =>
  isStream(value) ||
  hasSlot(value, '_writableStreamController') ||
  hasSlot(value, '_transformStreamController') ||
  hasSlot(value, '_ownerReadableStream') ||
  hasSlot(value, '_ownerWritableStream') ||
  hasSlot(value, '_transform')

const newByteStream = (source) =>
  new ReadableStream({ __proto__: null, type: 'bytes', ...source }, BYTES_AT_ONCE)

// Takes nothing from the source before the first read.
const BYTES_AT_ONCE = { __proto__: null, highWaterMark: 0 }

/** A pending BYOB read needs an answer when the stream closes. */
function finish(controller) {
  closeController(controller)
  const request = getRequest(controller)
  if (request !== null) respond(request, 0)
}

/** A stream of bytes, of which it takes ownership. */
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

/** Moves bytes from the host into the stream, or waits for them. */
function pullHostBody(hostBody, controller, resolve, reject) {
  try {
    const chunk = hostBodyRead(hostBody)
    if (chunk === undefined) {
      hostBodyWait(hostBody, () => pullHostBody(hostBody, controller, resolve, reject))
      return
    }
    if (chunk === null) finish(controller)
    else enqueue(controller, chunk)
    resolve()
  } catch (error) {
    reject(error)
  }
}

/** The stream of a body that the host sends. */
export function streamOfHostBody(hostBody) {
  const stream = newByteStream({
    __proto__: null,
    pull: (controller) =>
      new Promise((resolve, reject) => pullHostBody(hostBody, controller, resolve, reject)),
    cancel: () => hostBodyCancel(hostBody),
  })
  stream._hostBody = hostBody
  return stream
}

/** The stream of a body that one of its methods has read; it stays locked. */
export function usedStream() {
  const stream = streamOfBytes(new Uint8Array(0))
  const reader = acquireReader(stream)
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

/** Reads until `take` returns false; uses no recursion for chunks that are already queued. */
function readWhile(reader, take, close, fail) {
  let returned
  const again = () => {
    let more = true
    while (more) {
      let arrived = false
      returned = false
      readWithSteps(reader, {
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

function readAll(reader, state, resolve, reject) {
  readWhile(
    reader,
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
        resolve(packageBody(state.as, join(state.chunks, state.size), state.type, state.frames))
      } catch (error) {
        reject(error)
      }
    },
    reject,
  )
}

/** A promise for the whole stream as `as` (fn_body_as in body.h). An error gets `frames`. */
export function consumeStream(stream, as, type, frames) {
  const reader = acquireReader(stream)
  const state = { __proto__: null, as, type, frames, chunks: [], size: 0 }
  return new Promise((resolve, reject) => readAll(reader, state, resolve, reject))
}

/** Two streams; if chunks are objects of a script, the second stream gets clones. */
export const teeStream = (stream) => splitReadable(stream, true)

/** A stream that replaces one that moves to another object. */
export const proxyStream = (stream) => pipeThrough(stream, new TransformStream())

// ---- the host reads a response

export const openReader = acquireReader

export function readChunk(source, reader) {
  const stream = reader._ownerReadableStream
  if (isHostBodyAlone(stream)) {
    forwardHostBody(source, reader, stream)
    return
  }
  readWhile(
    reader,
    (chunk) => streamSourceChunk(source, chunk),
    () => streamSourceEnd(source),
    (error) => streamSourceError(source, error),
  )
}

/** Whether no bytes from the host are in the stream or on their way into it. */
function isHostBodyAlone(stream) {
  const controller = stream._readableStreamController
  return (
    stream._hostBody !== undefined &&
    stream._state === 'readable' &&
    controller._started &&
    !controller._pulling &&
    !controller._closeRequested &&
    controller._queueTotalSize === 0
  )
}

/** Forwards bytes from the request to the response without the stream: no chunks, no promises. */
function forwardHostBody(source, reader, stream) {
  const controller = stream._readableStreamController
  stream._disturbed = true
  try {
    const sent = hostBodyForward(stream._hostBody, source)
    if (sent === undefined) hostBodyWait(stream._hostBody, () => readChunk(source, reader))
    if (sent !== null) return
    closeController(controller)
    streamSourceEnd(source)
  } catch (error) {
    errorController(controller, error)
    streamSourceError(source, error)
  }
}

/** Cancels through the reader if there is one, and ignores the result. */
export function cancelStream(target, reason) {
  const done = isStream(target) ? cancelReadable(target, reason) : cancelReader(target, reason)
  then(done, undefined, () => {})
  return done
}
