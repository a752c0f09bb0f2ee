/**
 * `createReadStream` and `createWriteStream` of node:fs. A bundle has them only if the code that
 * imports node:fs names them: node:stream is larger than all of node:fs. The classes are functions,
 * since packages call them without `new` and inherit from them as Node allows it.
 */
import { Buffer } from 'node:buffer'
import { open } from 'node:fs/promises'
import { Readable, Writable } from 'node:stream'
import { readAsset } from './fs/assets.ts'
import { toBytes, toPath } from './fs/files.ts'
import { FileHandle } from './fs/handle.ts'
import { invalidArgType, outOfRange } from './internal/errors.ts'
import { validateFunction, validateInteger, validateObject } from './internal/validate.ts'

const READ_BYTES = 64 * 1024
/** After this many bytes other invocations get a turn. */
const TURN_BYTES = 1024 * 1024

const kHandle = Symbol('handle')
const kBytesOfTurn = Symbol('bytesOfTurn')
const kPlace = Symbol('place')

/** The options of a stream, or an encoding in their place. */
function optionsOf(options) {
  if (options === undefined || options === null) return {}
  if (typeof options === 'string') return { encoding: options }
  validateObject(options, 'options')
  return { ...options }
}

/** Sets what both kinds of stream have. Returns the options for the base class. */
function prepare(stream, path, options, defaults) {
  const { fd, flags = defaults.flags, mode, start, end, autoClose = true } = options
  if (fd !== undefined && fd !== null) {
    if (!(fd instanceof FileHandle)) throw invalidArgType('options.fd', 'FileHandle', fd)
    stream.path = undefined
  } else {
    if (typeof path !== 'string' && !(path instanceof URL) && !(path instanceof Uint8Array)) {
      throw invalidArgType('path', ['string', 'Buffer', 'URL'], path)
    }
    stream.path = path instanceof URL ? toPath(path) : path
  }
  if (start !== undefined) validateInteger(start, 'start', 0)
  if (end !== undefined && end !== Infinity) {
    validateInteger(end, 'end', 0)
    if (start !== undefined && start > end) {
      throw outOfRange('start', `<= "end" (here: ${end})`, start)
    }
  }
  stream.fd = null
  stream.flags = flags
  stream.mode = mode
  stream.start = start
  stream.pos = start
  stream[kHandle] = fd ?? undefined
  stream[kPlace] = path
  stream[kBytesOfTurn] = 0
  return { ...options, autoDestroy: autoClose, emitClose: options.emitClose ?? true }
}

/** Opens the file before the first read or write. */
function construct(callback) {
  const opened = this[kHandle] ?? openPlace(this[kPlace], this.flags, this.mode)
  Promise.resolve(opened).then((handle) => {
    this[kHandle] = handle
    // Files have no numbers here: what programs test is that it is no longer null.
    this.fd = handle
    callback()
    this.emit('open', handle)
    this.emit('ready')
  }, callback)
}

function openPlace(path, flags, mode) {
  const asset = flags === 'r' ? readAsset(path) : undefined
  return asset === undefined ? open(path, flags, mode) : new Asset(asset)
}

/** The bytes of an asset of the bundle, read as a file. */
class Asset {
  #bytes
  #at = 0

  constructor(bytes) {
    this.#bytes = bytes
  }

  async read(target, _offset, length, position) {
    const from = position ?? this.#at
    const part = this.#bytes.subarray(from, from + length)
    target.set(part)
    if (position === undefined) this.#at = from + part.length
    return { bytesRead: part.length }
  }

  async close() {
    this.#bytes = new Uint8Array(0)
  }
}

/** As in Node, the file is closed also if it was given. */
function destroyFile(error, callback) {
  const handle = this[kHandle]
  if (handle === undefined) {
    callback(error)
    return
  }
  this.fd = null
  handle.close().then(
    () => callback(error),
    (failure) => callback(error ?? failure),
  )
}

function closeFile(callback) {
  if (callback !== undefined) {
    validateFunction(callback, 'callback')
    if (this.closed) {
      queueMicrotask(() => callback())
      return
    }
    this.once('close', () => callback())
  }
  // What was written before goes to the file.
  if (this instanceof WriteStream && this._writableState.autoDestroy) this.end()
  else this.destroy()
}

/** Runs `next` at once, or after others had a turn. */
function inTurn(stream, bytes, next) {
  stream[kBytesOfTurn] += bytes
  if (stream[kBytesOfTurn] < TURN_BYTES) {
    next()
    return
  }
  stream[kBytesOfTurn] = 0
  setTimeout(next, 0)
}

/** Sets what both classes have. `state` names the field of the base class that has its state. */
function define(Class, Base, state) {
  Object.setPrototypeOf(Class.prototype, Base.prototype)
  Object.setPrototypeOf(Class, Base)
  Object.assign(Class.prototype, {
    _construct: construct,
    _destroy: destroyFile,
    close: closeFile,
  })
  Object.defineProperties(Class.prototype, {
    pending: {
      get() {
        return this.fd === null
      },
      configurable: true,
    },
    autoClose: {
      get() {
        return this[state]?.autoDestroy
      },
      set(value) {
        this[state].autoDestroy = value
      },
    },
  })
}

/** @param path of the file; unused if there is a FileHandle, `options.fd` */
export function ReadStream(path, options) {
  if (!(this instanceof ReadStream)) return new ReadStream(path, options)
  const given = optionsOf(options)
  const { highWaterMark = READ_BYTES, ...rest } = prepare(this, path, given, { flags: 'r' })
  this.end = given.end ?? Infinity
  this.bytesRead = 0
  Readable.call(this, { ...rest, highWaterMark, objectMode: false })
}
define(ReadStream, Readable, '_readableState')

ReadStream.prototype._read = function (size) {
  const done = this.pos === undefined ? this.bytesRead : this.pos
  const length = Math.min(this.end - done + 1, size)
  if (length <= 0) {
    this.push(null)
    return
  }
  const buffer = Buffer.allocUnsafeSlow(length)
  this[kHandle].read(buffer, 0, length, this.pos).then(
    ({ bytesRead }) =>
      inTurn(this, bytesRead, () => {
        this.bytesRead += bytesRead
        if (this.pos !== undefined) this.pos += bytesRead
        this.push(bytesRead === 0 ? null : buffer.subarray(0, bytesRead))
      }),
    (error) => this.destroy(error),
  )
}

/** @param path of the file; unused if there is a FileHandle, `options.fd` */
export function WriteStream(path, options) {
  if (!(this instanceof WriteStream)) return new WriteStream(path, options)
  const given = optionsOf(options)
  const { encoding, ...rest } = prepare(this, path, given, { flags: 'w' })
  this.bytesWritten = 0
  Writable.call(this, { ...rest, objectMode: false, decodeStrings: true })
  if (encoding) this.setDefaultEncoding(encoding)
}
define(WriteStream, Writable, '_writableState')
WriteStream.prototype.destroySoon = WriteStream.prototype.end

WriteStream.prototype._write = function (data, _encoding, callback) {
  const bytes = toBytes(data)
  const writeFrom = (at) => {
    if (at === bytes.length) {
      inTurn(this, bytes.length, callback)
      return
    }
    this[kHandle].write(bytes, at, bytes.length - at, this.pos).then(({ bytesWritten }) => {
      this.bytesWritten += bytesWritten
      if (this.pos !== undefined) this.pos += bytesWritten
      writeFrom(at + bytesWritten)
    }, callback)
  }
  writeFrom(0)
}

export const createReadStream = (path, options) => new ReadStream(path, options)
export const createWriteStream = (path, options) => new WriteStream(path, options)

FileHandle.prototype.createReadStream = function (options) {
  return new ReadStream(undefined, { ...optionsOf(options), fd: this })
}
FileHandle.prototype.createWriteStream = function (options) {
  return new WriteStream(undefined, { ...optionsOf(options), fd: this })
}
