/**
 * Text to bytes and back, in the encodings of a Buffer. Each encoding has `length` (bytes that a text
 * takes), `write` (into a view, returns the bytes written) and `text` (of a view).
 */

const { TextDecoder, TextEncoder } = globalThis
const { fromCharCode } = String
const utf8Decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const utf8Encoder = new TextEncoder()
/** Arguments that one call of fromCharCode gets. */
const CHUNK = 4096

/** Bytes as characters, `mask` taken of each. */
function charsOf(bytes, mask) {
  let text = ''
  for (let at = 0; at < bytes.length; at += CHUNK) {
    let part = bytes.subarray(at, at + CHUNK)
    if (mask !== 0xff) part = part.map((byte) => byte & mask)
    text += fromCharCode.apply(undefined, part)
  }
  return text
}

function writeChars(text, into) {
  const length = Math.min(text.length, into.length)
  for (let i = 0; i < length; i++) into[i] = text.charCodeAt(i)
  return length
}

const utf8 = {
  name: 'utf8',
  length(text) {
    let bytes = text.length
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit < 0x80) continue
      if (unit < 0x800) bytes++
      else {
        bytes += 2
        // A pair is 4 bytes, of which 2 are counted for its units.
        if (unit >= 0xd800 && unit < 0xdc00 && isLow(text.charCodeAt(i + 1))) i++
      }
    }
    return bytes
  },
  encode: (text) => utf8Encoder.encode(text),
  write: (text, into) => utf8Encoder.encodeInto(text, into).written,
  text: (bytes) => utf8Decoder.decode(bytes),
}

const isLow = (unit) => unit >= 0xdc00 && unit < 0xe000

const utf16le = {
  name: 'utf16le',
  length: (text) => text.length * 2,
  write(text, into) {
    const units = Math.min(text.length, into.length >>> 1)
    for (let i = 0; i < units; i++) {
      const unit = text.charCodeAt(i)
      into[2 * i] = unit & 0xff
      into[2 * i + 1] = unit >>> 8
    }
    return units * 2
  },
  text(bytes) {
    let text = ''
    const units = bytes.length >>> 1
    for (let at = 0; at < units; at += CHUNK) {
      const part = new Array(Math.min(CHUNK, units - at))
      for (let i = 0; i < part.length; i++) {
        part[i] = bytes[2 * (at + i)] | (bytes[2 * (at + i) + 1] << 8)
      }
      text += fromCharCode.apply(undefined, part)
    }
    return text
  },
}

const latin1 = {
  name: 'latin1',
  length: (text) => text.length,
  write: writeChars,
  text: (bytes) => charsOf(bytes, 0xff),
}

const ascii = { ...latin1, name: 'ascii', text: (bytes) => charsOf(bytes, 0x7f) }

const { toHex, toBase64 } = Uint8Array.prototype

const NIBBLES = new Int8Array(128).fill(-1)
for (let i = 0; i < 16; i++) {
  NIBBLES['0123456789abcdef'.charCodeAt(i)] = i
  NIBBLES['0123456789ABCDEF'.charCodeAt(i)] = i
}
const nibbleAt = (text, at) => {
  const unit = text.charCodeAt(at)
  return unit < 128 ? NIBBLES[unit] : -1
}

const hex = {
  name: 'hex',
  length: (text) => text.length >>> 1,
  /** Ends at the first pair that is none. */
  write(text, into) {
    const length = Math.min(text.length >>> 1, into.length)
    for (let i = 0; i < length; i++) {
      const high = nibbleAt(text, 2 * i)
      const low = nibbleAt(text, 2 * i + 1)
      if (high < 0 || low < 0) return i
      into[i] = (high << 4) | low
    }
    return length
  },
  text: (bytes) => toHex.call(bytes),
}

/** Of both alphabets, which Node mixes. */
const SEXTETS = new Int8Array(128).fill(-1)
for (let i = 0; i < 64; i++) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  SEXTETS[alphabet.charCodeAt(i)] = i
}
SEXTETS['-'.charCodeAt(0)] = 62
SEXTETS['_'.charCodeAt(0)] = 63

/** Skips what is not of the alphabet, and ends at `=`. */
function writeBase64(text, into) {
  let written = 0
  let bits = 0
  let count = 0
  for (let i = 0; i < text.length && written < into.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 0x3d) break
    const sextet = unit < 128 ? SEXTETS[unit] : -1
    if (sextet < 0) continue
    bits = ((bits << 6) | sextet) & 0xfff
    count += 6
    if (count >= 8) {
      count -= 8
      into[written++] = bits >>> count
    }
  }
  return written
}

function base64Length(text) {
  let length = text.length
  if (length > 0 && text.charCodeAt(length - 1) === 0x3d) length--
  if (length > 1 && text.charCodeAt(length - 1) === 0x3d) length--
  return (length * 3) >>> 2
}

const base64 = {
  name: 'base64',
  length: base64Length,
  write: writeBase64,
  text: (bytes) => toBase64.call(bytes),
}

const base64url = {
  ...base64,
  name: 'base64url',
  text: (bytes) => toBase64.call(bytes, { alphabet: 'base64url', omitPadding: true }),
}

const ENCODINGS = {
  __proto__: null,
  utf8,
  'utf-8': utf8,
  ucs2: utf16le,
  'ucs-2': utf16le,
  utf16le,
  'utf-16le': utf16le,
  latin1,
  binary: latin1,
  ascii,
  hex,
  base64,
  base64url,
}

/** The encoding of this name, in any case of letters; undefined if there is none. */
export function encodingOf(name) {
  return ENCODINGS[name] ?? ENCODINGS[`${name}`.toLowerCase()]
}

/** The bytes of a text as a new plain array. */
export function encode(text, encoding) {
  if (encoding.encode !== undefined) return encoding.encode(text)
  const bytes = new Uint8Array(encoding.length(text))
  const written = encoding.write(text, bytes)
  return written === bytes.length ? bytes : bytes.subarray(0, written)
}

export { utf8, utf16le }
