/**
 * node:zlib on the worker's zlib. The classes are functions, since packages call them without `new`
 * and inherit from them as Node allows it.
 */

import * as native from 'fn:zlib'
import { Buffer } from 'node:buffer'
import { Transform } from 'node:stream'
import { invalidArgType, nodeError, nodeRangeError, outOfRange } from './internal/errors.ts'
import { validateFunction } from './internal/validate.ts'
import { BROTLI_CONSTANTS, MODES, ZLIB_CODES, ZLIB_CONSTANTS } from './internal/zlib-constants.ts'
import { ZlibHandle } from './internal/zlib-handle.ts'
import { levelOf, settingsOf, strategyOf } from './internal/zlib-options.ts'

const { Z_BLOCK, Z_FINISH, Z_FULL_FLUSH, Z_NO_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH } =
  ZLIB_CONSTANTS

export const constants = Object.freeze(
  Object.assign(Object.create(null), ZLIB_CONSTANTS, BROTLI_CONSTANTS),
)

export const codes = Object.freeze({
  ...ZLIB_CODES,
  ...Object.fromEntries(Object.entries(ZLIB_CODES).map(([name, code]) => [code, name])),
})

const encoder = new TextEncoder()
const EMPTY = Buffer.alloc(0)
/** A chunk that only asks for a flush of the kind that is its property. */
const kFlush = Symbol('flush')
const FLUSH_CHUNKS = [
  Z_NO_FLUSH,
  Z_BLOCK,
  Z_PARTIAL_FLUSH,
  Z_SYNC_FLUSH,
  Z_FULL_FLUSH,
  Z_FINISH,
].map((kind) => Object.assign(Buffer.alloc(0), { [kFlush]: kind }))

/** Rising strength: two flushes that wait become the stronger one. */
const STRENGTH = [Z_NO_FLUSH, Z_BLOCK, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH]
const stronger = (one, other) => (STRENGTH.indexOf(one) > STRENGTH.indexOf(other) ? one : other)

function tooLarge(maxOutputLength) {
  const message = `Cannot create a Buffer larger than ${maxOutputLength} bytes`
  return nodeRangeError('ERR_BUFFER_TOO_LARGE', message)
}

function bytesOf(data, name = 'buffer') {
  if (typeof data === 'string') return encoder.encode(data)
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  }
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data)
  const expected = 'of type string or an instance of Buffer, TypedArray, DataView, or ArrayBuffer'
  throw invalidArgType(name, expected, data)
}

function ZlibBase(options, mode) {
  const settings = settingsOf(options, mode)
  this._handle = new ZlibHandle(mode, settings)
  this._handle.onerror = (message, errno, code) => {
    this.destroy(Object.assign(nodeError(code, message), { errno }))
  }
  Transform.call(this, {
    autoDestroy: true,
    ...options,
    encoding: null,
    objectMode: false,
    readableObjectMode: options?.readableObjectMode,
    writableObjectMode: false,
  })
  this.bytesWritten = 0
  this._writeState = this._handle.state
  this._outBuffer = Buffer.allocUnsafe(settings.chunkSize)
  this._outOffset = 0
  this._chunkSize = settings.chunkSize
  this._defaultFlushFlag = settings.flush
  this._finishFlushFlag = settings.finishFlush
  this._defaultFullFlushFlag = Z_FULL_FLUSH
  this._info = settings.info
  this._maxOutputLength = settings.maxOutputLength
  this._level = settings.level
  this._strategy = settings.strategy
  this._mode = mode
}
Object.setPrototypeOf(ZlibBase.prototype, Transform.prototype)
Object.setPrototypeOf(ZlibBase, Transform)

Object.defineProperties(ZlibBase.prototype, {
  _closed: {
    configurable: true,
    enumerable: true,
    get() {
      return !this._handle || this._handle.closed
    },
  },
  bytesRead: {
    configurable: true,
    get() {
      return this.bytesWritten
    },
    set(value) {
      this.bytesWritten = value
    },
  },
})

Object.assign(ZlibBase.prototype, {
  reset() {
    if (!this._handle) throw new TypeError('zlib: the stream is closed')
    return this._handle.reset()
  },

  close(callback) {
    if (callback !== undefined) {
      if (this.destroyed) queueMicrotask(callback)
      else this.once('close', callback)
    }
    this.destroy()
  },

  _destroy(error, done) {
    this._handle?.close()
    this._handle = null
    done(error)
  },

  flush(kind, callback) {
    const [given, done] = typeof kind === 'function' ? [undefined, kind] : [kind, callback]
    const flag = given === undefined ? this._defaultFullFlushFlag : given
    if (this.writableFinished) {
      if (done) queueMicrotask(done)
    } else if (this.writableEnded) {
      if (done) this.once('end', done)
    } else {
      const chunk = FLUSH_CHUNKS.find((each) => each[kFlush] === flag) ?? FLUSH_CHUNKS[0]
      this.write(chunk, '', done)
    }
  },

  _flush(done) {
    this._transform(EMPTY, '', done)
  },

  _final(done) {
    done()
  },

  _transform(chunk, _encoding, done) {
    let flag = this._defaultFlushFlag
    if (typeof chunk[kFlush] === 'number') flag = chunk[kFlush]
    else if (this.writableEnded && this.writableLength === chunk.byteLength) {
      flag = stronger(flag, this._finishFlushFlag)
    }
    process(this, chunk, flag, done)
  },

  /** Compresses or decompresses a chunk at once; packages use it. */
  _processChunk(chunk, flush, done) {
    if (typeof done === 'function') process(this, chunk, flush, done)
    else return processSync(this, chunk, flush)
  },
})

/** A fresh output buffer, when the last one is used up. */
function renewOutput(engine) {
  engine._outBuffer = Buffer.allocUnsafe(engine._chunkSize)
  engine._outOffset = 0
}

/**
 * Writes a chunk in steps. Each is a microtask of its own, of which the worker runs only so many at
 * once, and a full reader stops them.
 */
function process(engine, chunk, flush, done) {
  const input = bytesOf(chunk, 'chunk')
  let at = 0
  const step = () => {
    const handle = engine._handle
    if (!handle || engine.destroyed) return done()
    const room = engine._chunkSize - engine._outOffset
    const left = input.byteLength - at
    try {
      handle.write(flush, [input, at, left], [engine._outBuffer, engine._outOffset, room])
    } catch (error) {
      if (error?.errno === undefined) return done(error)
      // Node ends the stream with the error, and its callback is not called.
      engine.destroy(error)
      return
    }
    const [roomLeft, inputLeft] = handle.state
    engine.bytesWritten += left - inputLeft
    at = input.byteLength - inputLeft
    let wanted = true
    if (roomLeft < room) {
      const end = engine._outOffset + room - roomLeft
      wanted = engine.push(engine._outBuffer.subarray(engine._outOffset, end))
      engine._outOffset = end
    }
    if (engine.destroyed) return done()
    if (roomLeft === 0 || engine._outOffset >= engine._chunkSize) renewOutput(engine)
    if (roomLeft === 0) {
      if (wanted) queueMicrotask(step)
      else waitForReader(engine, step)
      return
    }
    // zlib wants no more: the data ended before the input did.
    if (inputLeft > 0) engine.push(null)
    done()
  }
  queueMicrotask(step)
}

function waitForReader(engine, step) {
  const read = engine._read
  engine._read = function (size) {
    engine._read = read
    queueMicrotask(step)
    return this._read(size)
  }
}

function processSync(engine, chunk, flush) {
  const input = bytesOf(chunk)
  const parts = []
  let [made, at] = [0, 0]
  try {
    for (;;) {
      const handle = engine._handle
      if (!handle) throw new TypeError('zlib: the stream is closed')
      const room = engine._chunkSize - engine._outOffset
      const left = input.byteLength - at
      handle.write(flush, [input, at, left], [engine._outBuffer, engine._outOffset, room])
      const [roomLeft, inputLeft] = handle.state
      at = input.byteLength - inputLeft
      if (roomLeft < room) {
        const end = engine._outOffset + room - roomLeft
        const part = engine._outBuffer.subarray(engine._outOffset, end)
        engine._outOffset = end
        parts.push(part)
        made += part.byteLength
        if (made > engine._maxOutputLength) throw tooLarge(engine._maxOutputLength)
      }
      if (roomLeft === 0 || engine._outOffset >= engine._chunkSize) renewOutput(engine)
      if (roomLeft !== 0) break
    }
  } catch (error) {
    closeHandle(engine)
    throw error
  }
  engine.bytesWritten = at
  closeHandle(engine)
  // A small result must not keep the whole output buffer in memory.
  const [first] = parts
  const whole = parts.length === 1 && 2 * made > engine._chunkSize
  return whole ? first : Buffer.concat(parts, made)
}

function closeHandle(engine) {
  engine._handle?.close()
  engine._handle = null
}

function Zlib(options, mode) {
  ZlibBase.call(this, options, mode)
}
Object.setPrototypeOf(Zlib.prototype, ZlibBase.prototype)
Object.setPrototypeOf(Zlib, ZlibBase)

Zlib.prototype.params = function (level, strategy, callback) {
  const one = levelOf(level, 'level')
  const other = strategyOf(strategy, 'strategy')
  if (this._level === one && this._strategy === other) {
    queueMicrotask(callback)
    return
  }
  this.flush(Z_SYNC_FLUSH, () => {
    if (!this._handle) return
    try {
      this._handle.params(one, other)
    } catch (error) {
      this.destroy(error)
      return
    }
    this._level = one
    this._strategy = other
    callback?.()
  })
}

function defineClass(name, mode) {
  const Class = {
    [name]: function (options) {
      if (!(this instanceof Class)) return new Class(options)
      Zlib.call(this, options, mode)
    },
  }[name]
  Object.setPrototypeOf(Class.prototype, Zlib.prototype)
  Object.setPrototypeOf(Class, Zlib)
  return Class
}

export const Deflate = defineClass('Deflate', MODES.DEFLATE)
export const Inflate = defineClass('Inflate', MODES.INFLATE)
export const Gzip = defineClass('Gzip', MODES.GZIP)
export const Gunzip = defineClass('Gunzip', MODES.GUNZIP)
export const DeflateRaw = defineClass('DeflateRaw', MODES.DEFLATERAW)
export const InflateRaw = defineClass('InflateRaw', MODES.INFLATERAW)
export const Unzip = defineClass('Unzip', MODES.UNZIP)

export const createDeflate = (options) => new Deflate(options)
export const createInflate = (options) => new Inflate(options)
export const createGzip = (options) => new Gzip(options)
export const createGunzip = (options) => new Gunzip(options)
export const createDeflateRaw = (options) => new DeflateRaw(options)
export const createInflateRaw = (options) => new InflateRaw(options)
export const createUnzip = (options) => new Unzip(options)

/** The form with a callback, which gets the whole result. */
function withCallback(Class) {
  return (data, options, callback) => {
    const [given, done] = typeof options === 'function' ? [{}, options] : [options, callback]
    validateFunction(done, 'callback')
    const engine = new Class(given)
    const parts = []
    let made = 0
    let over = false
    const finish = (error, result) => {
      if (over) return
      over = true
      if (error === null) done(null, result)
      else done(error)
    }
    engine.on('data', (part) => {
      parts.push(part)
      made += part.byteLength
      if (made <= engine._maxOutputLength) return
      engine.close()
      finish(tooLarge(engine._maxOutputLength))
    })
    engine.on('error', (error) => finish(error))
    engine.on('end', () => {
      const buffer = made === 0 ? Buffer.alloc(0) : Buffer.concat(parts, made)
      engine.close()
      finish(null, engine._info ? { buffer, engine } : buffer)
    })
    engine.end(bytesOf(data))
  }
}

/** The form that returns the whole result. */
function atOnce(Class) {
  return (data, options) => {
    const bytes = bytesOf(data)
    const engine = new Class(options)
    const buffer = processSync(engine, bytes, engine._finishFlushFlag)
    return engine._info ? { buffer, engine } : buffer
  }
}

export const deflate = withCallback(Deflate)
export const deflateSync = atOnce(Deflate)
export const inflate = withCallback(Inflate)
export const inflateSync = atOnce(Inflate)
export const gzip = withCallback(Gzip)
export const gzipSync = atOnce(Gzip)
export const gunzip = withCallback(Gunzip)
export const gunzipSync = atOnce(Gunzip)
export const deflateRaw = withCallback(DeflateRaw)
export const deflateRawSync = atOnce(DeflateRaw)
export const inflateRaw = withCallback(InflateRaw)
export const inflateRawSync = atOnce(InflateRaw)
export const unzip = withCallback(Unzip)
export const unzipSync = atOnce(Unzip)

export function crc32(data, value = 0) {
  if (typeof data !== 'string' && !ArrayBuffer.isView(data)) {
    const expected = 'of type string or an instance of Buffer, TypedArray, or DataView'
    throw invalidArgType('data', expected, data)
  }
  if (typeof value !== 'number') throw invalidArgType('value', 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange('value', 'an integer', value)
  if (value < 0 || value > 0xffffffff) throw outOfRange('value', '>= 0 && <= 4294967295', value)
  return native.crc32(bytesOf(data), value)
}

const zlib = {
  Deflate,
  DeflateRaw,
  Gunzip,
  Gzip,
  Inflate,
  InflateRaw,
  Unzip,
  codes,
  constants,
  crc32,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  deflate,
  deflateRaw,
  deflateRawSync,
  deflateSync,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  unzip,
  unzipSync,
}
// The older names of the constants. `import * as zlib` does not have them in Node either.
for (const [name, value] of Object.entries(ZLIB_CONSTANTS)) {
  Object.defineProperty(zlib, name, { value, enumerable: false, configurable: true })
}

// As in Node, an assignment throws.
for (const [name, value] of Object.entries({ codes, constants })) {
  Object.defineProperty(zlib, name, { value, enumerable: true, writable: false })
}

export default zlib
