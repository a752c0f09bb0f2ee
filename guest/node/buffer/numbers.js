/** The methods of a Buffer that read and write numbers. */
import { bufferOutOfBounds, invalidArgType, outOfRange } from '../internal/errors.ts'
import { validateNumber } from '../internal/validate.ts'

const scratch = new Uint8Array(8)
const floats = new Float32Array(scratch.buffer)
const doubles = new Float64Array(scratch.buffer)

function boundsError(value, length, name = 'offset') {
  if (Math.floor(value) !== value) {
    validateNumber(value, name)
    return outOfRange(name, 'an integer', value)
  }
  if (length < 0) return bufferOutOfBounds()
  return outOfRange(name, `>= ${name === 'offset' ? 0 : 1} and <= ${length}`, value)
}

/** Checks that `size` bytes lie at the offset. */
function checkOffset(buffer, offset, size) {
  validateNumber(offset, 'offset')
  if (buffer[offset] === undefined || buffer[offset + size - 1] === undefined) {
    throw boundsError(offset, buffer.length - size)
  }
}

function checkSize(size) {
  if (size === undefined) throw invalidArgType('byteLength', 'number', size)
  if (!(size >= 1 && size <= 6) || !Number.isInteger(size)) throw boundsError(size, 6, 'byteLength')
}

function rangeText(min, max, size) {
  const n = typeof min === 'bigint' ? 'n' : ''
  if (size <= 4) return `>= ${min} and <= ${max}`
  const bits = size * 8
  return min === 0 || min === 0n
    ? `>= 0${n} and < 2${n} ** ${bits}${n}`
    : `>= -(2${n} ** ${bits - 1}${n}) and < 2${n} ** ${bits - 1}${n}`
}

function checkValue(value, min, max, size) {
  if (value > max || value < min) throw outOfRange('value', rangeText(min, max, size), value)
}

function readUnsigned(buffer, offset, size, little) {
  checkOffset(buffer, offset, size)
  let value = 0
  for (let i = 0; i < size; i++) {
    value = value * 256 + buffer[little ? offset + size - 1 - i : offset + i]
  }
  return value
}

function readSigned(buffer, offset, size, little) {
  const value = readUnsigned(buffer, offset, size, little)
  return value >= 2 ** (size * 8 - 1) ? value - 2 ** (size * 8) : value
}

function writeInteger(buffer, given, offset, size, little, min, max) {
  const value = +given
  // A single byte has its own order of checks.
  if (size === 1) validateNumber(offset, 'offset')
  checkValue(value, min, max, size)
  checkOffset(buffer, offset, size)
  // Of a negative number the remainder is that of its two's complement.
  let rest = Math.trunc(value) || 0
  if (rest < 0) rest += 2 ** (size * 8)
  for (let i = 0; i < size; i++) {
    buffer[little ? offset + i : offset + size - 1 - i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return offset + size
}

const writeUnsigned = (buffer, value, offset, size, little) =>
  writeInteger(buffer, value, offset, size, little, 0, 2 ** (size * 8) - 1)

const writeSigned = (buffer, value, offset, size, little) =>
  writeInteger(buffer, value, offset, size, little, -(2 ** (size * 8 - 1)), 2 ** (size * 8 - 1) - 1)

function readBig(buffer, offset, little) {
  checkOffset(buffer, offset, 8)
  const low = readUnsigned(buffer, little ? offset : offset + 4, 4, little)
  const high = readUnsigned(buffer, little ? offset + 4 : offset, 4, little)
  return (BigInt(high) << 32n) | BigInt(low)
}

function writeBig(buffer, value, offset, little, min, max) {
  if (typeof value !== 'bigint') throw invalidArgType('value', 'bigint', value)
  checkValue(value, min, max, 8)
  checkOffset(buffer, offset, 8)
  let rest = BigInt.asUintN(64, value)
  for (let i = 0; i < 8; i++) {
    buffer[little ? offset + i : offset + 7 - i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return offset + 8
}

function readFloating(buffer, offset, view, size, little) {
  checkOffset(buffer, offset, size)
  for (let i = 0; i < size; i++) scratch[i] = buffer[little ? offset + i : offset + size - 1 - i]
  return view[0]
}

function writeFloating(buffer, value, offset, view, size, little) {
  const number = +value
  checkOffset(buffer, offset, size)
  view[0] = number
  for (let i = 0; i < size; i++) buffer[little ? offset + i : offset + size - 1 - i] = scratch[i]
  return offset + size
}

/** Both ends, so that each loop below names its methods. */
const ORDERS = [
  ['LE', true],
  ['BE', false],
]

function sized(methods, order, little) {
  methods[`readUInt${order}`] = function (offset, byteLength) {
    if (offset === undefined) throw invalidArgType('offset', 'number', offset)
    checkSize(byteLength)
    return readUnsigned(this, offset, byteLength, little)
  }
  methods[`readInt${order}`] = function (offset, byteLength) {
    if (offset === undefined) throw invalidArgType('offset', 'number', offset)
    checkSize(byteLength)
    return readSigned(this, offset, byteLength, little)
  }
  methods[`writeUInt${order}`] = function (value, offset, byteLength) {
    checkSize(byteLength)
    return writeUnsigned(this, value, offset, byteLength, little)
  }
  methods[`writeInt${order}`] = function (value, offset, byteLength) {
    checkSize(byteLength)
    return writeSigned(this, value, offset, byteLength, little)
  }
}

function fixed(methods, bits, order, little) {
  const size = bits / 8
  methods[`readUInt${bits}${order}`] = function (offset = 0) {
    return readUnsigned(this, offset, size, little)
  }
  methods[`readInt${bits}${order}`] = function (offset = 0) {
    return readSigned(this, offset, size, little)
  }
  methods[`writeUInt${bits}${order}`] = function (value, offset = 0) {
    return writeUnsigned(this, value, offset, size, little)
  }
  methods[`writeInt${bits}${order}`] = function (value, offset = 0) {
    return writeSigned(this, value, offset, size, little)
  }
}

function wide(methods, order, little) {
  methods[`readBigUInt64${order}`] = function (offset = 0) {
    return readBig(this, offset, little)
  }
  methods[`readBigInt64${order}`] = function (offset = 0) {
    return BigInt.asIntN(64, readBig(this, offset, little))
  }
  methods[`writeBigUInt64${order}`] = function (value, offset = 0) {
    return writeBig(this, value, offset, little, 0n, 2n ** 64n - 1n)
  }
  methods[`writeBigInt64${order}`] = function (value, offset = 0) {
    return writeBig(this, value, offset, little, -(2n ** 63n), 2n ** 63n - 1n)
  }
  methods[`readFloat${order}`] = function (offset = 0) {
    return readFloating(this, offset, floats, 4, little)
  }
  methods[`readDouble${order}`] = function (offset = 0) {
    return readFloating(this, offset, doubles, 8, little)
  }
  methods[`writeFloat${order}`] = function (value, offset = 0) {
    return writeFloating(this, value, offset, floats, 4, little)
  }
  methods[`writeDouble${order}`] = function (value, offset = 0) {
    return writeFloating(this, value, offset, doubles, 8, little)
  }
}

function makeMethods() {
  const methods = {}
  fixed(methods, 8, '', true)
  for (const [order, little] of ORDERS) {
    sized(methods, order, little)
    fixed(methods, 16, order, little)
    fixed(methods, 32, order, little)
    wide(methods, order, little)
  }
  // Node has each of the unsigned ones under a second name.
  for (const [name, method] of Object.entries(methods)) {
    Object.defineProperty(method, 'name', { value: name, configurable: true })
    if (name.includes('UInt')) methods[name.replace('UInt', 'Uint')] = method
  }
  return methods
}

export const numberMethods = makeMethods()
