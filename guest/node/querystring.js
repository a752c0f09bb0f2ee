/** node:querystring: https://nodejs.org/api/querystring.html */
import { Buffer } from './buffer.js'

const MAX_KEYS = 1000

function malformed() {
  return Object.assign(new URIError('URI malformed'), { code: 'ERR_INVALID_URI' })
}

function qsEscape(value) {
  const text =
    typeof value === 'string' ? value : typeof value === 'object' ? String(value) : `${value}`
  try {
    return encodeURIComponent(text)
  } catch {
    throw malformed()
  }
}

const digitOf = (unit) => {
  const digit = Number.parseInt(String.fromCharCode(unit), 16)
  return Number.isNaN(digit) ? -1 : digit
}

/** The bytes of an escaped text; what is no escape stays as it is. */
export function unescapeBuffer(text, decodeSpaces) {
  const bytes = Buffer.alloc(text.length)
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 0x25 && i + 2 < text.length) {
      const [high, low] = [digitOf(text.charCodeAt(i + 1)), digitOf(text.charCodeAt(i + 2))]
      if (high >= 0 && low >= 0) {
        bytes[length++] = high * 16 + low
        i += 2
        continue
      }
    }
    bytes[length++] = decodeSpaces && unit === 0x2b ? 0x20 : unit
  }
  return bytes.slice(0, length)
}

function qsUnescape(text, decodeSpaces) {
  try {
    return decodeURIComponent(text)
  } catch {
    return querystring.unescapeBuffer(text, decodeSpaces).toString()
  }
}

function textOf(value) {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return Number.isFinite(value) ? `${value}` : ''
    case 'bigint':
    case 'boolean':
      return `${value}`
    default:
      return ''
  }
}

export function stringify(object, separator, equals, options) {
  if (object === null || typeof object !== 'object') return ''
  const [sep, eq] = [separator || '&', equals || '=']
  const encode =
    typeof options?.encodeURIComponent === 'function'
      ? options.encodeURIComponent
      : querystring.escape
  const pairs = []
  for (const key of Object.keys(object)) {
    const name = encode(textOf(key)) + eq
    for (const value of [object[key]].flat()) pairs.push(name + encode(textOf(value)))
  }
  return pairs.join(sep)
}

export function parse(text, separator, equals, options) {
  const result = { __proto__: null }
  if (typeof text !== 'string' || text.length === 0) return result
  const [sep, eq] = [separator ? `${separator}` : '&', equals ? `${equals}` : '=']
  const given = options?.decodeURIComponent
  const decode = typeof given === 'function' ? given : querystring.unescape
  const isOwn = decode !== qsUnescape
  const max = typeof options?.maxKeys === 'number' ? options.maxKeys : MAX_KEYS
  const decoded = (part) => {
    const plain = part.replaceAll('+', isOwn ? '%20' : ' ')
    if (!isOwn && !/%[0-9a-f]{2}/i.test(plain)) return plain
    try {
      return decode(plain)
    } catch {
      return querystring.unescape(plain, true)
    }
  }
  let left = max > 0 ? max : Infinity
  for (const piece of text.split(sep)) {
    if (piece === '') continue
    if (left-- <= 0) break
    const at = piece.indexOf(eq)
    const key = decoded(at === -1 ? piece : piece.slice(0, at))
    const value = at === -1 ? '' : decoded(piece.slice(at + eq.length))
    const before = result[key]
    if (before === undefined) result[key] = value
    else if (Array.isArray(before)) before.push(value)
    else result[key] = [before, value]
  }
  return result
}

export { parse as decode, qsEscape as escape, qsUnescape as unescape, stringify as encode }

/** Programs replace its `escape` and `unescape`. */
const querystring = {
  decode: parse,
  encode: stringify,
  escape: qsEscape,
  parse,
  stringify,
  unescape: qsUnescape,
  unescapeBuffer,
}

export default querystring
