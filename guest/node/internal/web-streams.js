/**
 * `toWeb` and `fromWeb` of node:stream: its streams as the worker's web streams, and back. Bytes wait
 * in neither of the two beyond its high-water mark, and errors, cancels and aborts reach both.
 */

import utils from 'readable-stream/lib/internal/streams/utils.js'
import Stream from 'readable-stream/lib/stream.js'
import { Buffer } from '../buffer.js'
import { aborted, invalidArgType, invalidArgValue, nodeError } from './errors.ts'
import process from './process.js'
import { validateBoolean, validateObject, validateOneOf } from './validate.ts'

const { Duplex, Readable, Writable, destroy, finished } = Stream
const { isDestroyed, isReadable, isWritable, isWritableEnded } = utils

const sizeOf = (chunk) => chunk?.byteLength ?? chunk?.length ?? 1
const strategyOf = (objectMode, highWaterMark) =>
  objectMode ? new CountQueuingStrategy({ highWaterMark }) : { highWaterMark, size: sizeOf }

/** What a web stream reports for the end of a Node stream. */
const reasonOf = (error) => (error?.code === 'ERR_STREAM_PREMATURE_CLOSE' ? aborted(error) : error)

/** Calls back outside of the promise: what the callback throws must not become its rejection. */
function settle(promise, callback) {
  promise.then(
    () => process.nextTick(callback),
    (error) => process.nextTick(callback, error ?? aborted()),
  )
}

/** After its end has been reported, an error of a stream has no listener left. */
const ignoreErrors = (stream) => stream.on('error', () => undefined)

/** @returns ReadableStream */
export function readableToWeb(stream, options = {}) {
  if (typeof stream?._readableState !== 'object') {
    throw invalidArgType('streamReadable', 'stream.Readable', stream)
  }
  validateObject(options, 'options')
  validateOneOf(options.type, 'options.type', ['bytes', undefined])
  const { type } = options
  const { readableObjectMode: objectMode, readableHighWaterMark: highWaterMark } = stream
  if (isDestroyed(stream) || !isReadable(stream)) {
    const start = (controller) =>
      stream.errored ? controller.error(stream.errored) : controller.close()
    return new ReadableStream({ type, start })
  }
  let controller
  let isOver = false
  const strategy = type ? { highWaterMark } : strategyOf(objectMode, highWaterMark)
  const source = {
    type,
    start(given) {
      controller = given
    },
    pull() {
      stream.resume()
    },
    cancel(reason) {
      isOver = true
      destroy(stream, reason)
    },
  }
  const web = new ReadableStream(source, options.strategy ?? strategy)
  const stop = finished(stream, { writable: false }, (error) => {
    stop()
    ignoreErrors(stream)
    if (isOver) return
    isOver = true
    if (error) {
      controller.error(reasonOf(error))
      return
    }
    controller.close()
    controller.byobRequest?.respond(0)
  })
  stream.pause()
  stream.on('data', (chunk) => {
    if (isOver || (type && chunk.length === 0)) return
    // A copy: a Buffer can share its memory with others, and who reads the stream may transfer it.
    controller.enqueue(!objectMode && Buffer.isBuffer(chunk) ? new Uint8Array(chunk) : chunk)
    if (controller.desiredSize <= 0) stream.pause()
  })
  return web
}

/** @returns WritableStream */
export function writableToWeb(stream) {
  if (typeof stream?.write !== 'function' || typeof stream.on !== 'function') {
    throw invalidArgType('streamWritable', 'stream.Writable', stream)
  }
  if (isDestroyed(stream) || !isWritable(stream)) {
    const web = new WritableStream()
    web.close()
    return web
  }
  let controller
  let drained
  let closed
  let isOver = false
  const stop = finished(stream, { readable: false }, (error) => {
    stop()
    ignoreErrors(stream)
    isOver = true
    if (!error && closed !== undefined) {
      closed.resolve()
      return
    }
    const reason = error ? reasonOf(error) : aborted()
    drained?.reject(reason)
    closed?.reject(reason)
    controller.error(reason)
  })
  stream.on('drain', () => drained?.resolve())
  const sink = {
    start(given) {
      controller = given
      // A write that waits must not keep an abort waiting.
      controller.signal.addEventListener('abort', () => drained?.reject(controller.signal.reason))
    },
    write(chunk) {
      if (stream.write(stream.writableObjectMode ? chunk : bytesOf(chunk)) || isOver) return
      drained = Promise.withResolvers()
      return drained.promise
    },
    abort(reason) {
      destroy(stream, reason)
    },
    close() {
      if (isOver || isWritableEnded(stream)) return
      closed = Promise.withResolvers()
      stream.end()
      return closed.promise
    },
  }
  return new WritableStream(
    sink,
    strategyOf(stream.writableObjectMode, stream.writableHighWaterMark),
  )
}

/** Any bytes of a web stream as those that a Node stream takes. */
function bytesOf(chunk) {
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk)
  if (!ArrayBuffer.isView(chunk) || chunk instanceof Uint8Array) return chunk
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

/** @returns the two web streams of a Duplex */
export function duplexToWeb(duplex, options = {}) {
  if (typeof duplex?._writableState !== 'object' || typeof duplex._readableState !== 'object') {
    throw invalidArgType('duplex', 'stream.Duplex', duplex)
  }
  validateObject(options, 'options')
  const type = options.readableType ?? options.type
  return { writable: writableToWeb(duplex), readable: readableToWeb(duplex, { type }) }
}

/** What reads a web stream for a Node stream, which `follow` gives it. */
function readSide(web, name) {
  if (!(web instanceof ReadableStream)) throw invalidArgType(name, 'ReadableStream', web)
  const reader = web.getReader()
  let isOver = false
  return {
    read() {
      reader.read().then(
        ({ value, done }) => this.push(done ? null : value),
        (error) => destroy(this, error),
      )
    },
    close: async (error) => (isOver ? undefined : await reader.cancel(error)),
    follow(stream) {
      const over = () => {
        isOver = true
      }
      reader.closed.then(over, (error) => {
        over()
        destroy(stream, error)
      })
    },
  }
}

/** What writes to a web stream for a Node stream, which `follow` gives it. */
function writeSide(web, name) {
  if (!(web instanceof WritableStream)) throw invalidArgType(name, 'WritableStream', web)
  const writer = web.getWriter()
  let isOver = false
  const write = async (chunk) => {
    await writer.ready
    await writer.write(chunk)
  }
  return {
    write(chunk, _encoding, callback) {
      settle(write(chunk), callback)
    },
    final(callback) {
      settle(isOver ? Promise.resolve() : writer.close(), callback)
    },
    async close(error) {
      if (isOver) return
      await (error ? writer.abort(error) : writer.close())
    },
    follow(stream) {
      const over = (error) => {
        isOver = true
        destroy(stream, error)
      }
      writer.closed.then(() => {
        isOver = true
        if (!isWritableEnded(stream)) {
          over(nodeError('ERR_STREAM_PREMATURE_CLOSE', 'Premature close'))
        }
      }, over)
    },
  }
}

/** `destroy` of a stream with these sides, whose own errors are not reported again. */
const destroyOf = (sides) => (error, callback) => {
  settle(Promise.allSettled(sides.map((side) => side.close(error))), () => callback(error))
}

function checked(options) {
  validateObject(options, 'options')
  const { encoding, objectMode = false, decodeStrings = true } = options
  if (encoding !== undefined && !Buffer.isEncoding(encoding)) {
    throw invalidArgValue('options.encoding', encoding)
  }
  validateBoolean(objectMode, 'options.objectMode')
  validateBoolean(decodeStrings, 'options.decodeStrings')
  const { highWaterMark, signal, allowHalfOpen = false } = options
  return { encoding, objectMode, decodeStrings, highWaterMark, signal, allowHalfOpen }
}

/** @returns Readable */
export function readableFromWeb(web, options = {}) {
  const own = checked(options)
  const side = readSide(web, 'readableStream')
  const readable = new Readable({ ...own, read: side.read, destroy: destroyOf([side]) })
  side.follow(readable)
  return readable
}

/** @returns Writable */
export function writableFromWeb(web, options = {}) {
  const own = checked(options)
  const side = writeSide(web, 'writableStream')
  const { write, final } = side
  const writable = new Writable({ ...own, write, final, destroy: destroyOf([side]) })
  side.follow(writable)
  return writable
}

/** @returns Duplex */
export function duplexFromWeb(pair = {}, options = {}) {
  validateObject(pair, 'pair')
  const own = checked(options)
  const readable = readSide(pair.readable, 'pair.readable')
  const writable = writeSide(pair.writable, 'pair.writable')
  const { write, final } = writable
  const sides = [readable, writable]
  const destroyBoth = destroyOf(sides)
  const duplex = new Duplex({ ...own, read: readable.read, write, final, destroy: destroyBoth })
  for (const side of sides) side.follow(duplex)
  return duplex
}
