/** node:buffer: https://nodejs.org/api/buffer.html */
import { encode, encodingOf, utf8 } from './buffer/encodings.js'
import { isAnyArrayBuffer, isUint8Array, lengthOf, tagOf } from './buffer/kinds.js'
import { numberMethods } from './buffer/numbers.js'
import { search } from './buffer/search.js'
import { isAscii, isUtf8 } from './buffer/validity.js'
import {
  bufferOutOfBounds,
  invalidArgType,
  invalidArgValue,
  nodeError,
  nodeRangeError,
  outOfRange,
  unknownEncoding,
} from './internal/errors.ts'
import {
  validateArray,
  validateInteger,
  validateNumber,
  validateString,
} from './internal/validate.ts'

export { isAscii, isUtf8 }
export const { Blob, File, atob, btoa } = globalThis

export const kMaxLength = 2 ** 53 - 1
/** The engine's longest string. */
export const kStringMaxLength = 2 ** 30 - 1
export const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength }
/** Bytes that `inspect` shows. A program sets it on the module's object. */
export let INSPECT_MAX_BYTES = 50

const customInspect = Symbol.for('nodejs.util.inspect.custom')
const { set: setBytes, fill: fillBytes, copyWithin } = Uint8Array.prototype

class FastBuffer extends Uint8Array {}

/** A Buffer on the memory of plain bytes. */
const wrap = (bytes) => new FastBuffer(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * The old constructor.
 *
 * @deprecated
 */
export function Buffer(value, encodingOrOffset, length) {
  if (typeof value === 'number') {
    if (typeof encodingOrOffset === 'string') throw invalidArgType('string', 'string', value)
    return Buffer.alloc(value)
  }
  return Buffer.from(value, encodingOrOffset, length)
}

/** @deprecated */
export function SlowBuffer(length) {
  checkSize(length)
  return new FastBuffer(length)
}

Object.setPrototypeOf(SlowBuffer, Uint8Array)
SlowBuffer.prototype = Object.create(Uint8Array.prototype, {
  constructor: { value: SlowBuffer, writable: true, configurable: true },
})
// A bundler may rename what has the name of a global.
Object.defineProperty(Buffer, 'name', { value: 'Buffer', configurable: true })
Object.setPrototypeOf(Buffer, Uint8Array)
Buffer.prototype = FastBuffer.prototype
Object.defineProperty(Buffer.prototype, 'constructor', {
  value: Buffer,
  writable: true,
  enumerable: false,
  configurable: true,
})
Object.defineProperty(Buffer, Symbol.species, {
  get: () => FastBuffer,
  enumerable: false,
  configurable: true,
})

function checkSize(size) {
  validateNumber(size, 'size')
  if (!(size >= 0 && size <= kMaxLength)) {
    throw outOfRange('size', `>= 0 && <= ${kMaxLength}`, size)
  }
}

function allocate(size) {
  checkSize(size)
  return new FastBuffer(size)
}

/** @throws ERR_UNKNOWN_ENCODING */
function knownEncoding(name) {
  if (name === undefined || name === null || name === '') return utf8
  const encoding = encodingOf(name)
  if (encoding === undefined) throw unknownEncoding(name)
  return encoding
}

function fromText(text, encodingName) {
  const encoding = typeof encodingName === 'string' ? knownEncoding(encodingName) : utf8
  return wrap(encode(text, encoding))
}

function fromArrayBuffer(buffer, byteOffset, length) {
  let offset = 0
  if (byteOffset !== undefined) {
    offset = +byteOffset
    if (Number.isNaN(offset)) offset = 0
  }
  const available = buffer.byteLength - offset
  if (available < 0) throw bufferOutOfBounds('offset')
  if (length === undefined) return new FastBuffer(buffer, offset)
  const wanted = +length
  if (!(wanted > 0)) return new FastBuffer(buffer, offset, 0)
  if (wanted > available) throw bufferOutOfBounds('length')
  return new FastBuffer(buffer, offset, wanted)
}

function fromArrayLike(list) {
  if (!(list.length > 0)) return new FastBuffer()
  const bytes = new FastBuffer(list.length)
  setBytes.call(bytes, list)
  return bytes
}

function fromObject(value) {
  if (value.length !== undefined || isAnyArrayBuffer(value.buffer)) {
    return typeof value.length === 'number' ? fromArrayLike(value) : new FastBuffer()
  }
  if (value.type === 'Buffer' && Array.isArray(value.data)) return fromArrayLike(value.data)
  return undefined
}

const FIRST_ARGUMENTS = ['string', 'Buffer', 'ArrayBuffer', 'Array', 'Array-like Object']

function from(value, encodingOrOffset, length) {
  if (typeof value === 'string') return fromText(value, encodingOrOffset)
  if (typeof value === 'object' && value !== null) {
    if (isAnyArrayBuffer(value)) return fromArrayBuffer(value, encodingOrOffset, length)
    const primitive = value.valueOf?.()
    if (
      primitive !== null &&
      primitive !== undefined &&
      primitive !== value &&
      (typeof primitive === 'string' || typeof primitive === 'object')
    ) {
      return from(primitive, encodingOrOffset, length)
    }
    const made = fromObject(value)
    if (made !== undefined) return made
    if (typeof value[Symbol.toPrimitive] === 'function') {
      const text = value[Symbol.toPrimitive]('string')
      if (typeof text === 'string') return fromText(text, encodingOrOffset)
    }
  }
  throw invalidArgType('first argument', FIRST_ARGUMENTS, value)
}

function compareBytes(left, right) {
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    if (left[i] !== right[i]) return left[i] < right[i] ? -1 : 1
  }
  return Math.sign(left.length - right.length)
}

/** Fills a range; for `fill` and `alloc`. */
function fillRange(buffer, value, start, end, encodingName) {
  let [from, to, name] = [start, end, encodingName]
  if (typeof value === 'string') {
    if (from === undefined || typeof from === 'string')
      [name, from, to] = [from, undefined, buffer.length]
    else if (typeof to === 'string') [name, to] = [to, buffer.length]
    if (name !== undefined && typeof name !== 'string')
      throw invalidArgType('encoding', 'string', name)
  }
  if (typeof name === 'string') knownEncoding(name)
  if (from === undefined) {
    ;[from, to] = [0, buffer.length]
  } else {
    checkFillOffset(from, 'offset', buffer.length)
    if (to === undefined) to = buffer.length
    else checkFillOffset(to, 'end', buffer.length)
    if (from >= to) return buffer
  }
  if (
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    value === undefined ||
    value === null
  ) {
    fillBytes.call(buffer, Number(value ?? 0) & 0xff, from, to)
    return buffer
  }
  const pattern = patternOf(value, name)
  if (from < to) repeat(buffer, pattern, from, to)
  return buffer
}

function checkFillOffset(value, name, max) {
  validateNumber(value, name)
  if (!(value >= 0 && value <= max)) throw outOfRange(name, `>= 0 && <= ${max}`, value)
}

function patternOf(value, encodingName) {
  if (typeof value === 'string') {
    if (value.length === 0) return new Uint8Array(1)
    const bytes = encode(value, knownEncoding(encodingName))
    if (bytes.length === 0) throw invalidArgValue('value', value)
    return bytes
  }
  if (ArrayBuffer.isView(value)) {
    if (value.byteLength === 0) throw invalidArgValue('value', value)
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  }
  return new Uint8Array([Number(value) & 0xff])
}

/** Writes the pattern once, then doubles what is there. */
function repeat(buffer, pattern, from, to) {
  if (pattern.length === 1) {
    fillBytes.call(buffer, pattern[0], from, to)
    return
  }
  const total = to - from
  let done = Math.min(pattern.length, total)
  setBytes.call(buffer, pattern.subarray(0, done), from)
  while (done < total) {
    const count = Math.min(done, total - done)
    copyWithin.call(buffer, from + done, from, from + count)
    done += count
  }
}

function byteLength(value, encodingName) {
  if (typeof value !== 'string') {
    if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return value.byteLength
    throw invalidArgType('string', ['string', 'Buffer', 'ArrayBuffer'], value)
  }
  return (encodingOf(encodingName ?? 'utf8') ?? utf8).length(value)
}

const toInteger = (value, otherwise) => {
  const number = +value
  return Number.isNaN(number) ? otherwise : Math.trunc(number)
}

// Functions, and no methods: packages call them with `new`.
function alloc(size, fill, encoding) {
  const buffer = allocate(size)
  if (fill === undefined || fill === 0 || size === 0) return buffer
  if (encoding !== undefined && typeof encoding !== 'string') {
    throw invalidArgType('encoding', 'string', encoding)
  }
  return fillRange(buffer, fill, 0, buffer.length, encoding)
}

// Memory of a worker is never given out without being cleared.
function allocUnsafe(size) {
  return allocate(size)
}

function allocUnsafeSlow(size) {
  return allocate(size)
}

Object.assign(Buffer, {
  poolSize: 8192,

  from,

  of(...items) {
    return fromArrayLike(items)
  },

  alloc,
  allocUnsafe,
  allocUnsafeSlow,

  isBuffer: (value) => value instanceof Buffer,

  isEncoding: (name) =>
    typeof name === 'string' && name.length !== 0 && encodingOf(name) !== undefined,

  byteLength,

  compare(left, right) {
    for (const [name, value] of [
      ['buf1', left],
      ['buf2', right],
    ]) {
      if (!isUint8Array(value)) throw invalidArgType(name, ['Buffer', 'Uint8Array'], value)
    }
    return compareBytes(left, right)
  },

  concat(list, length) {
    validateArray(list, 'list')
    if (list.length === 0) return new FastBuffer()
    let total = length
    if (total === undefined) {
      total = 0
      for (const one of list) if (isUint8Array(one)) total += lengthOf.call(one)
    } else {
      validateInteger(total, 'length', 0)
    }
    const whole = new FastBuffer(total)
    let at = 0
    for (let i = 0; i < list.length; i++) {
      const one = list[i]
      if (!isUint8Array(one)) throw invalidArgType(`list[${i}]`, ['Buffer', 'Uint8Array'], one)
      if (at >= total) continue
      const count = Math.min(lengthOf.call(one), total - at)
      setBytes.call(whole, plain(one, 0, count), at)
      at += count
    }
    return whole
  },

  copyBytesFrom(view, offset, length) {
    if (tagOf.call(view) === undefined) throw invalidArgType('view', 'TypedArray', view)
    if (offset !== undefined) validateInteger(offset, 'offset', 0)
    if (length !== undefined) validateInteger(length, 'length', 0)
    const start = offset ?? 0
    if (view.length === 0 || start >= view.length) return new FastBuffer()
    const part = view.slice(start, length === undefined ? view.length : start + length)
    return wrap(part)
  },
})

const methods = {
  toString(encoding, start, end) {
    const from = start === undefined ? 0 : Math.max(0, toInteger(start, 0))
    const to = end === undefined ? this.length : Math.min(this.length, toInteger(end, 0))
    if (from >= this.length || to <= from) return ''
    if (encoding !== undefined && encodingOf(encoding) === undefined)
      throw unknownEncoding(encoding)
    return textOf(plain(this, from, to), encoding === undefined ? utf8 : encodingOf(encoding))
  },

  equals(other) {
    if (!isUint8Array(other)) throw invalidArgType('otherBuffer', ['Buffer', 'Uint8Array'], other)
    return (
      this === other || (this.byteLength === other.byteLength && compareBytes(this, other) === 0)
    )
  },

  compare(target, targetStart, targetEnd, sourceStart, sourceEnd) {
    if (!isUint8Array(target)) throw invalidArgType('target', ['Buffer', 'Uint8Array'], target)
    const range = (value, name, otherwise, max) => {
      if (value === undefined) return otherwise
      validateInteger(value, name, 0, max)
      return value
    }
    const tStart = range(targetStart, 'targetStart', 0)
    const tEnd = range(targetEnd, 'targetEnd', target.length, target.length)
    const sStart = range(sourceStart, 'sourceStart', 0)
    const sEnd = range(sourceEnd, 'sourceEnd', this.length, this.length)
    if (sStart >= sEnd) return tStart >= tEnd ? 0 : -1
    if (tStart >= tEnd) return 1
    return compareBytes(this.subarray(sStart, sEnd), target.subarray(tStart, tEnd))
  },

  indexOf(value, offset, encoding) {
    return search(this, value, offset, encoding, true)
  },

  lastIndexOf(value, offset, encoding) {
    return search(this, value, offset, encoding, false)
  },

  includes(value, offset, encoding) {
    return search(this, value, offset, encoding, true) !== -1
  },

  fill(value, start, end, encoding) {
    return fillRange(this, value, start, end, encoding)
  },

  write(text, offset, length, encoding) {
    if (typeof text !== 'string') throw invalidArgType('argument', 'string', text)
    let [at, count, name] = [offset, length, encoding]
    if (at === undefined) return writeText(this, text, 0, this.length, utf8)
    if (count === undefined && typeof at === 'string') {
      ;[name, at, count] = [at, 0, this.length]
    } else {
      validateInteger(at, 'offset', 0, this.length)
      const rest = this.length - at
      if (count === undefined) {
        count = rest
      } else if (typeof count === 'string') {
        ;[name, count] = [count, rest]
      } else {
        validateInteger(count, 'length', 0, this.length)
        count = Math.min(count, rest)
      }
    }
    return writeText(this, text, at, count, knownEncoding(name))
  },

  copy(target, targetStart, sourceStart, sourceEnd) {
    if (!ArrayBuffer.isView(target))
      throw invalidArgType('target', ['Buffer', 'Uint8Array'], target)
    const into = isUint8Array(target)
      ? target
      : new Uint8Array(target.buffer, target.byteOffset, target.byteLength)
    const at = startIn(targetStart, 'targetStart')
    let from = 0
    if (sourceStart !== undefined) {
      from = toInteger(sourceStart, 0)
      if (from < 0 || from > this.length)
        throw outOfRange('sourceStart', `>= 0 && <= ${this.length}`, from)
    }
    const to = sourceEnd === undefined ? this.length : startIn(sourceEnd, 'sourceEnd')
    if (at >= into.length || from >= to) return 0
    const count = Math.min(to - from, into.length - at, this.length - from)
    setBytes.call(into, plain(this, from, from + count), at)
    return count
  },

  toJSON() {
    return { type: 'Buffer', data: Array.from(this) }
  },

  subarray(start, end) {
    const from = clamp(toInteger(start, 0), this.length)
    const to = end === undefined ? this.length : clamp(toInteger(end, 0), this.length)
    return new FastBuffer(this.buffer, this.byteOffset + from, Math.max(0, to - from))
  },

  slice(start, end) {
    return this.subarray(start, end)
  },

  swap16() {
    return swap(this, 2)
  },

  swap32() {
    return swap(this, 4)
  },

  swap64() {
    return swap(this, 8)
  },

  [customInspect](_depth, options, inspect) {
    const max = INSPECT_MAX_BYTES
    const shownBytes = Math.min(max, this.length)
    const hex = encodingOf('hex').text(plain(this, 0, shownBytes))
    let text = hex.replace(/(.{2})/g, '$1 ').trim()
    const more = this.length - max
    if (more > 0) text += ` ... ${more} more byte${more > 1 ? 's' : ''}`
    const extras = extrasOf(this, options, inspect)
    if (extras !== '') text += `${this.length > 0 ? ', ' : ''}${extras}`
    return `<${this.constructor.name} ${text}>`
  },
}

/** Own properties besides the bytes, as `inspect` shows them. */
function extrasOf(buffer, options, inspect) {
  if (options === undefined || inspect === undefined) return ''
  const extras = { __proto__: null }
  let any = false
  for (const key of Reflect.ownKeys(buffer)) {
    if (typeof key === 'string' && /^\d+$/.test(key)) continue
    const { enumerable } = Object.getOwnPropertyDescriptor(buffer, key)
    if (!enumerable && !options.showHidden) continue
    extras[key] = buffer[key]
    any = true
  }
  if (!any) return ''
  const text = inspect(extras, { ...options, breakLength: Infinity, compact: true })
  return text.slice(text.indexOf('{') + 2, -2)
}

/** A plain view: `subarray` of a Buffer may be a program's own. */
const plain = (bytes, from, to) => new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)

const clamp = (value, length) => (value < 0 ? Math.max(0, value + length) : Math.min(value, length))

function startIn(value, name) {
  if (value === undefined) return 0
  const number = toInteger(value, 0)
  if (number < 0) throw outOfRange(name, '>= 0', number)
  return number
}

function swap(buffer, size) {
  if (buffer.length % size !== 0) {
    const message = `Buffer size must be a multiple of ${size * 8}-bits`
    throw nodeRangeError('ERR_INVALID_BUFFER_SIZE', message)
  }
  for (let at = 0; at < buffer.length; at += size) {
    for (let i = 0; i < size / 2; i++) {
      const other = at + size - 1 - i
      const byte = buffer[at + i]
      buffer[at + i] = buffer[other]
      buffer[other] = byte
    }
  }
  return buffer
}

function textOf(bytes, encoding) {
  try {
    return encoding.text(bytes)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const longest = `0x${kStringMaxLength.toString(16)}`
    throw nodeError(
      'ERR_STRING_TOO_LONG',
      `Cannot create a string longer than ${longest} characters`,
    )
  }
}

const writeText = (buffer, text, at, count, encoding) =>
  encoding.write(text, plain(buffer, at, at + count))

/** `latin1Slice`, `hexWrite` and so on, which some packages call. */
function directMethods() {
  const direct = {}
  for (const name of ['ascii', 'base64', 'base64url', 'latin1', 'hex', 'ucs2', 'utf8']) {
    const encoding = encodingOf(name)
    direct[`${name}Slice`] = function (start = 0, end = this.length) {
      checkSlice(start, end, this.length)
      return textOf(this.subarray(start, end), encoding)
    }
    direct[`${name}Write`] = function (text, offset = 0, length = this.length - offset) {
      validateString(text, 'argument')
      if (offset < 0 || offset > this.length) throw bufferOutOfBounds('offset')
      if (length < 0 || length > this.length - offset) throw bufferOutOfBounds('length')
      return writeText(this, text, offset, length, encoding)
    }
  }
  return direct
}

function checkSlice(start, end, length) {
  if (start < 0 || start > length || end < 0 || end > length) {
    throw nodeRangeError('ERR_OUT_OF_RANGE', 'Index out of range')
  }
}

for (const [name, value] of Object.entries({ ...methods, ...directMethods(), ...numberMethods })) {
  Buffer.prototype[name] = value
}
Buffer.prototype[customInspect] = methods[customInspect]
Buffer.prototype.inspect = methods[customInspect]
Buffer.prototype.toLocaleString = Buffer.prototype.toString

for (const [name, from] of [
  ['parent', 'buffer'],
  ['offset', 'byteOffset'],
]) {
  Object.defineProperty(Buffer.prototype, name, {
    enumerable: true,
    get() {
      return this instanceof Buffer ? this[from] : undefined
    },
  })
}

const TRANSCODED = ['utf8', 'ucs2', 'utf16le', 'latin1', 'binary', 'ascii']

/** Converts from one encoding into another; what that one lacks becomes `?`. */
export function transcode(source, fromEncoding, toEncoding) {
  if (!isUint8Array(source)) throw invalidArgType('source', ['Buffer', 'Uint8Array'], source)
  if (source.length === 0) return Buffer.alloc(0)
  const [from, to] = [encodingOf(fromEncoding), encodingOf(toEncoding)]
  if (!TRANSCODED.includes(from?.name) || !TRANSCODED.includes(to?.name)) {
    const message = `Unable to transcode Buffer [U_ILLEGAL_ARGUMENT_ERROR]`
    throw Object.assign(nodeError('U_ILLEGAL_ARGUMENT_ERROR', message), { errno: 1 })
  }
  const text = from.text(source)
  if (to.name === 'latin1' || to.name === 'ascii') {
    const max = to.name === 'latin1' ? 0xff : 0x7f
    return Buffer.from(
      Array.from(text, (char) => (char.codePointAt(0) > max ? 0x3f : char.codePointAt(0))),
    )
  }
  return Buffer.from(text, to.name)
}

export default {
  Blob,
  Buffer,
  File,
  get INSPECT_MAX_BYTES() {
    return INSPECT_MAX_BYTES
  },
  set INSPECT_MAX_BYTES(value) {
    validateNumber(value, 'INSPECT_MAX_BYTES', 0)
    INSPECT_MAX_BYTES = value
  },
  SlowBuffer,
  atob,
  btoa,
  constants,
  isAscii,
  isUtf8,
  kMaxLength,
  kStringMaxLength,
  transcode,
}
