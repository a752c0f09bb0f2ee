// data: URLs: https://fetch.spec.whatwg.org/#data-url-processor

import { decodeIsomorphic } from 'fn:web'
import {
  primordialGlobals,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  TypedArrayPrototypeGetBuffer,
  Uint8ArrayFromBase64,
} from '../idl/primordials.js'
import { parseSingleMimeType, serializeMimeType } from './mime.js'

const { Uint8Array } = primordialGlobals

const SCHEME = 'data:'
const DEFAULT_TYPE = 'text/plain;charset=US-ASCII'
const PERCENT = 0x25

/** The digit that a character is in base 16, or -1. */
function hexDigit(code) {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** The bytes of an ASCII string; a serialized URL is one. */
function percentDecode(text) {
  const size = text.length
  const bytes = new Uint8Array(size)
  let length = 0
  for (let i = 0; i < size; i++) {
    let code = StringPrototypeCharCodeAt(text, i)
    if (code === PERCENT && i + 2 < size) {
      const high = hexDigit(StringPrototypeCharCodeAt(text, i + 1))
      const low = hexDigit(StringPrototypeCharCodeAt(text, i + 2))
      if (high >= 0 && low >= 0) {
        code = high * 16 + low
        i += 2
      }
    }
    bytes[length++] = code
  }
  return length === size ? bytes : new Uint8Array(TypedArrayPrototypeGetBuffer(bytes), 0, length)
}

/** The type without `;base64` at its end; undefined when it does not end so. */
function withoutBase64(type) {
  const lower = StringPrototypeToLowerCase(type)
  if (StringPrototypeSlice(lower, -6) !== 'base64') return undefined
  let end = type.length - 6
  while (end > 0 && type[end - 1] === ' ') end--
  return type[end - 1] === ';' ? StringPrototypeSlice(type, 0, end - 1) : undefined
}

function trimSpaces(text) {
  let from = 0
  let to = text.length
  while (from < to && text[from] === ' ') from++
  while (to > from && text[to - 1] === ' ') to--
  return StringPrototypeSlice(text, from, to)
}

/** undefined when the text is not base64. */
function decodeBase64(bytes) {
  try {
    return Uint8ArrayFromBase64(decodeIsomorphic(bytes))
  } catch {
    return undefined
  }
}

/**
 * { bytes, type } of the content of a data: URL; undefined when it is invalid.
 *
 * @param href the serialized URL
 */
export function readDataUrl(href) {
  const fragment = StringPrototypeIndexOf(href, '#')
  const end = fragment < 0 ? href.length : fragment
  const comma = StringPrototypeIndexOf(href, ',')
  if (comma < 0 || comma > end) return undefined
  let bytes = percentDecode(StringPrototypeSlice(href, comma + 1, end))
  let type = trimSpaces(StringPrototypeSlice(href, SCHEME.length, comma))
  const encoded = withoutBase64(type)
  if (encoded !== undefined) {
    type = encoded
    bytes = decodeBase64(bytes)
    if (bytes === undefined) return undefined
  }
  const mime = parseSingleMimeType(type[0] === ';' ? `text/plain${type}` : type)
  return {
    __proto__: null,
    bytes,
    type: mime === undefined ? DEFAULT_TYPE : serializeMimeType(mime),
  }
}
