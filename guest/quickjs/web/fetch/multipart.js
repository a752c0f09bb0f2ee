// Serialized FormData: multipart/form-data (RFC 7578, as HTML and Fetch write and read it) and
// application/x-www-form-urlencoded.

import {
  decodeIsomorphic,
  decodeUtf8,
  decodeUtf8Bom,
  encodeUtf8,
  indexOfBytes,
  randomId,
} from 'fn:web'
import {
  ArrayPrototypePush,
  MathMin,
  primordialGlobals,
  StringPrototypeReplaceAll,
  StringPrototypeToLowerCase,
  StringPrototypeTrim,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  URLSearchParamsPrototypeForEach,
} from '../idl/primordials.js'
import { blobBytes, blobType, concatBytes, fileState, makeFile } from './blob.js'
import { makeFormData } from './formdata.js'
import { essence, parseMimeType } from './mime.js'

const { TypeError, Uint8Array, URLSearchParams } = primordialGlobals

function escapeName(name) {
  const breaks = StringPrototypeReplaceAll(name, '\n', '%0A')
  return StringPrototypeReplaceAll(StringPrototypeReplaceAll(breaks, '\r', '%0D'), '"', '%22')
}

/** Turns every kind of line break into CRLF. */
function normalizeBreaks(text) {
  const plain = StringPrototypeReplaceAll(StringPrototypeReplaceAll(text, '\r\n', '\n'), '\r', '\n')
  return StringPrototypeReplaceAll(plain, '\n', '\r\n')
}

/** { bytes, type } of a list of entries. */
export function serializeFormData(entries) {
  const boundary = `----formdata-${randomId()}${randomId()}`
  const parts = []
  for (let i = 0; i < entries.length; i++) {
    const { name, value } = entries[i]
    const field = escapeName(normalizeBreaks(name))
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${field}"`
    if (typeof value === 'string') {
      ArrayPrototypePush(parts, encodeUtf8(`${head}\r\n\r\n${normalizeBreaks(value)}\r\n`))
    } else {
      const filename = escapeName(fileState(value).name)
      const type = blobType(value) || 'application/octet-stream'
      const lines = `${head}; filename="${filename}"\r\nContent-Type: ${type}\r\n\r\n`
      ArrayPrototypePush(parts, encodeUtf8(lines), blobBytes(value), encodeUtf8('\r\n'))
    }
  }
  ArrayPrototypePush(parts, encodeUtf8(`--${boundary}--\r\n`))
  return {
    __proto__: null,
    bytes: concatBytes(parts),
    type: `multipart/form-data; boundary=${boundary}`,
  }
}

const malformed = () => new TypeError('the body is not valid multipart/form-data')

function part(bytes, from, to) {
  const offset = TypedArrayPrototypeGetByteOffset(bytes) + from
  return new Uint8Array(TypedArrayPrototypeGetBuffer(bytes), offset, to - from)
}

const CR = 13
const LF = 10
const isBreak = (bytes, at) => bytes[at] === CR && bytes[at + 1] === LF
const isBlank = (byte) => byte === 32 || byte === 9

/** Reads `name="..."` and similar parameters; undefined when it is missing. */
function readParameter(bytes, cursor, end, name) {
  const start = `${name}="`
  if (decodeIsomorphic(part(bytes, cursor.at, MathMin(cursor.at + start.length, end))) !== start) {
    return undefined
  }
  const from = cursor.at + start.length
  const quote = indexOfBytes(bytes, QUOTE, from)
  if (quote < 0 || quote >= end) throw malformed()
  cursor.at = quote + 1
  const text = decodeUtf8(part(bytes, from, quote))
  return StringPrototypeReplaceAll(
    StringPrototypeReplaceAll(StringPrototypeReplaceAll(text, '%0A', '\n'), '%0D', '\r'),
    '%22',
    '"',
  )
}

const QUOTE = encodeUtf8('"')
const COLON = encodeUtf8(':')
const CRLF = encodeUtf8('\r\n')

function skipBlanks(bytes, cursor, end) {
  while (cursor.at < end && isBlank(bytes[cursor.at])) cursor.at++
}

function readDisposition(bytes, from, end, head) {
  const cursor = { __proto__: null, at: from }
  skipBlanks(bytes, cursor, end)
  const kind = decodeIsomorphic(part(bytes, cursor.at, MathMin(cursor.at + 9, end)))
  if (StringPrototypeToLowerCase(kind) !== 'form-data') throw malformed()
  cursor.at += 9
  while (cursor.at < end) {
    skipBlanks(bytes, cursor, end)
    if (cursor.at >= end) break
    if (bytes[cursor.at] !== 59) throw malformed()
    cursor.at++
    skipBlanks(bytes, cursor, end)
    const name = readParameter(bytes, cursor, end, 'name')
    const filename = name === undefined ? readParameter(bytes, cursor, end, 'filename') : undefined
    if (name !== undefined) head.name = name
    else if (filename !== undefined) head.filename = filename
    else {
      const next = indexOfBytes(bytes, SEMICOLON, cursor.at)
      cursor.at = next < 0 || next > end ? end : next
    }
  }
}

const SEMICOLON = encodeUtf8(';')

/** Reads the header lines of a part; `cursor` ends after the empty line. */
function readHead(bytes, cursor, size) {
  const head = { __proto__: null, name: undefined, filename: undefined, type: undefined }
  for (;;) {
    if (isBreak(bytes, cursor.at)) {
      if (head.name === undefined) throw malformed()
      cursor.at += 2
      return head
    }
    const end = indexOfBytes(bytes, CRLF, cursor.at)
    const colon = indexOfBytes(bytes, COLON, cursor.at)
    if (end < 0 || end > size || colon < 0 || colon > end) throw malformed()
    const name = StringPrototypeToLowerCase(
      StringPrototypeTrim(decodeIsomorphic(part(bytes, cursor.at, colon))),
    )
    if (name === 'content-disposition') readDisposition(bytes, colon + 1, end, head)
    else if (name === 'content-type') {
      head.type = StringPrototypeTrim(decodeIsomorphic(part(bytes, colon + 1, end)))
    }
    cursor.at = end + 2
  }
}

function makeValue(head, body) {
  if (head.filename === undefined) return decodeUtf8Bom(body)
  const type = head.type === undefined ? 'text/plain' : head.type
  return makeFile(concatBytes([body]), head.filename, StringPrototypeToLowerCase(type))
}

function startsWith(bytes, at, prefix) {
  return (
    indexOfBytes(
      part(
        bytes,
        at,
        MathMin(
          at + TypedArrayPrototypeGetByteLength(prefix),
          TypedArrayPrototypeGetByteLength(bytes),
        ),
      ),
      prefix,
      0,
    ) === 0
  )
}

function parseMultipart(bytes, boundary) {
  const size = TypedArrayPrototypeGetByteLength(bytes)
  const delimiter = encodeUtf8(`--${boundary}`)
  const separator = encodeUtf8(`\r\n--${boundary}`)
  const length = TypedArrayPrototypeGetByteLength(delimiter)
  const entries = []
  const cursor = { __proto__: null, at: 0 }
  while (isBreak(bytes, cursor.at)) cursor.at += 2
  for (;;) {
    if (!startsWith(bytes, cursor.at, delimiter)) throw malformed()
    cursor.at += length
    if (bytes[cursor.at] === 45 && bytes[cursor.at + 1] === 45) return entries
    while (isBlank(bytes[cursor.at])) cursor.at++
    if (!isBreak(bytes, cursor.at)) throw malformed()
    cursor.at += 2
    const head = readHead(bytes, cursor, size)
    const end = indexOfBytes(bytes, separator, cursor.at)
    if (end < 0) throw malformed()
    const value = makeValue(head, part(bytes, cursor.at, end))
    ArrayPrototypePush(entries, { __proto__: null, name: head.name, value })
    cursor.at = end + 2
  }
}

function parseUrlencoded(bytes) {
  const entries = []
  const params = new URLSearchParams(`?${decodeUtf8(bytes)}`)
  URLSearchParamsPrototypeForEach(params, (value, name) =>
    ArrayPrototypePush(entries, { __proto__: null, name, value }),
  )
  return entries
}

/** The FormData of a body with the given content-type. */
export function parseFormData(bytes, contentType) {
  const mime = contentType === null ? undefined : parseMimeType(contentType)
  const kind = mime === undefined ? '' : essence(mime)
  if (kind === 'multipart/form-data') {
    const boundary = mime.parameters.boundary
    if (boundary === undefined) throw new TypeError('the content-type has no boundary')
    return makeFormData(parseMultipart(bytes, boundary))
  }
  if (kind === 'application/x-www-form-urlencoded') return makeFormData(parseUrlencoded(bytes))
  throw new TypeError('the content-type is not a form data type')
}
