// Streams that contain a transform stream of the Web APIs (GenericTransformStream):
// https://streams.spec.whatwg.org/#generictransformstream

import { primordialGlobals } from '../idl/primordials.js'
import { hasSlot, promiseThen } from './streams-builtins.js'
import { enqueueTransformed, TransformStream } from './streams-ponyfill.js'

const { TypeError } = primordialGlobals

/** How many pieces of one chunk are queued before it waits for the reader. */
const QUEUED_PIECES = 16

/** Makes `object` such a stream. Its algorithms get the object instead of a controller. */
export function openTransform(object, { transform, flush, cancel }) {
  object._transform = new TransformStream({
    __proto__: null,
    transform: (chunk) => transform(object, chunk),
    flush: () => flush(object),
    cancel,
  })
}

export function put(object, chunk) {
  enqueueTransformed(object._transform._transformStreamController, chunk)
}

const isFull = (transform) =>
  transform._backpressure &&
  transform._readable._readableStreamController._queueTotalSize >= QUEUED_PIECES

/**
 * Enqueues the output of `step` for a chunk piece by piece, so that a small chunk that grows large
 * (a decompression bomb) is never in memory as a whole. `step` returns a piece; true when it must
 * be called again for one; null when there is no more. The output at the end of the stream is
 * enqueued at once, because the reader may not read before the close.
 */
export function putPieces(object, step, chunk, last = false) {
  const transform = object._transform
  for (let given = chunk; ; given = undefined) {
    const piece = step(given, last)
    if (piece === null) return undefined
    if (piece === true) continue
    put(object, piece)
    if (!last && isFull(transform)) {
      return promiseThen(transform._backpressureChangePromise, () =>
        putPieces(object, step, undefined, last),
      )
    }
  }
}

function transformOf(object) {
  if (!hasSlot(object, '_transform')) throw new TypeError('Illegal invocation')
  return object._transform
}

export const readableSide = (object) => transformOf(object)._readable
export const writableSide = (object) => transformOf(object)._writable
/** For getters that only check `this`. */
export const checkTransform = (object) => {
  transformOf(object)
}
