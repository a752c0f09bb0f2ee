// Transferred streams: https://streams.spec.whatwg.org/#rs-transfer
// Both ends lie in the same realm, so a stream replaces the channel between them; chunks are cloned
// as the channel would.

import { then } from 'fn:web'
import { cloneValue, refuse } from '../html/clone.js'
import { pipeTo } from './streams.js'
import { hasSlot } from './streams-builtins.js'
import { enqueueTransformed, TransformStream } from './streams-ponyfill.js'

const cloneChunk = (chunk, controller) => enqueueTransformed(controller, cloneValue(chunk))
const newChannel = () => new TransformStream({ __proto__: null, transform: cloneChunk })

const pipe = (from, to) => then(pipeTo(from, to), undefined, () => {})

function moveReadable(stream) {
  const channel = newChannel()
  return {
    __proto__: null,
    from: stream,
    to: channel._readable,
    check() {
      if (stream._reader !== undefined) throw refuse('a locked stream')
    },
    commit: () => pipe(stream, channel._writable),
  }
}

function moveWritable(stream) {
  const channel = newChannel()
  return {
    __proto__: null,
    from: stream,
    to: channel._writable,
    check() {
      if (stream._writer !== undefined) throw refuse('a locked stream')
    },
    commit: () => pipe(channel._readable, stream),
  }
}

function moveTransform(stream) {
  const readable = moveReadable(stream._readable)
  const writable = moveWritable(stream._writable)
  const to = new TransformStream()
  to._readable = readable.to
  to._writable = writable.to
  return {
    __proto__: null,
    from: stream,
    to,
    check() {
      readable.check()
      writable.check()
    },
    commit() {
      readable.commit()
      writable.commit()
    },
  }
}

/** How a stream is transferred; undefined for anything else. */
export function streamTransfer(value) {
  if (hasSlot(value, '_readableStreamController')) return moveReadable(value)
  if (hasSlot(value, '_writableStreamController')) return moveWritable(value)
  return hasSlot(value, '_transformStreamController') ? moveTransform(value) : undefined
}
