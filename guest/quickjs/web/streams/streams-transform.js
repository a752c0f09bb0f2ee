// Streams that are a transform of ours inside (GenericTransformStream):
// https://streams.spec.whatwg.org/#generictransformstream

import { primordialGlobals } from '../idl/primordials.js'
import { hasSlot, promiseThen } from './streams-builtins.js'
import { enqueueTransformed, TransformStream } from './streams-ponyfill.js'

const { TypeError } = primordialGlobals

/** So many pieces of one chunk lie in the queue before the reader is waited for. */
const QUEUED_PIECES = 16

/** Makes `object` such a stream. Its algorithms get the object in place of a controller. */
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
 * Puts what `step` makes of a chunk, a piece at a time, so that a small chunk that grows large (a
 * bomb) does not lie in memory whole. `step` gives a piece; true when it has to be called again for
 * one, null when there is no more. What ends the stream is put at once: nobody may read any more
 * before it is closed.
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
/** For getters that have nothing else to ask. */
export const checkTransform = (object) => {
  transformOf(object)
}
