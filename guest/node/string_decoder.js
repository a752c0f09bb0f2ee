/** node:string_decoder: bytes to text, in parts that may end inside of a character. */
import { encodingOf, utf8 } from './buffer/encodings.js'
import { Buffer } from './buffer.js'
import { invalidArgType, invalidThis, unknownEncoding } from './internal/errors.ts'

/** How many bytes at the end begin a character that is not complete, and how many it has. */
function utf8Tail(bytes) {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]
    if ((byte & 0xc0) === 0x80) continue
    const total =
      byte >= 0xc2 && byte < 0xe0
        ? 2
        : byte >= 0xe0 && byte < 0xf0
          ? 3
          : byte >= 0xf0 && byte < 0xf5
            ? 4
            : 0
    // A second byte that cannot follow ends the character early.
    const wrong = back >= 2 && !mayFollow(byte, bytes[bytes.length - back + 1])
    return total > back && !wrong ? { length: back, total } : NONE
  }
  return NONE
}

function mayFollow(first, second) {
  if (first === 0xe0) return second >= 0xa0
  if (first === 0xed) return second < 0xa0
  if (first === 0xf0) return second >= 0x90
  if (first === 0xf4) return second < 0x90
  return true
}

function utf16Tail(bytes) {
  const odd = bytes.length % 2
  const unit = bytes[bytes.length - odd - 1]
  // The first half of a pair waits for the second.
  const half = bytes.length - odd >= 2 && unit >= 0xd8 && unit < 0xdc
  if (half) return { length: 2 + odd, total: 4 }
  return odd === 1 ? { length: 1, total: 2 } : NONE
}

const base64Tail = (bytes) => ({ length: bytes.length % 3, total: 3 })

const NONE = { length: 0, total: 0 }
const TAILS = { utf8: utf8Tail, utf16le: utf16Tail, base64: base64Tail, base64url: base64Tail }

export class StringDecoder {
  #encoding
  #tailOf
  /** Bytes of a character that is not complete. */
  #rest = new Uint8Array()
  #total = 0

  constructor(encoding) {
    const found = encoding === undefined || encoding === null ? utf8 : encodingOf(encoding)
    if (found === undefined) throw unknownEncoding(encoding)
    this.#encoding = found
    this.#tailOf = TAILS[found.name]
    this.encoding = found.name
  }

  write(input) {
    if (typeof input === 'string') return input
    if (!ArrayBuffer.isView(input)) {
      throw invalidArgType('buf', ['Buffer', 'TypedArray', 'DataView'], input)
    }
    if (!(#rest in this)) throw invalidThis('StringDecoder')
    let bytes = new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    if (this.#rest.length > 0) {
      const whole = new Uint8Array(this.#rest.length + bytes.length)
      whole.set(this.#rest)
      whole.set(bytes, this.#rest.length)
      bytes = whole
    }
    const { length, total } = this.#tailOf?.(bytes) ?? NONE
    this.#rest = bytes.slice(bytes.length - length)
    this.#total = length > 0 ? total : 0
    return this.#encoding.text(bytes.subarray(0, bytes.length - length))
  }

  end(input) {
    const text = input === undefined ? '' : this.write(input)
    const rest = this.#rest
    this.#rest = new Uint8Array()
    this.#total = 0
    return text + this.#encoding.text(rest)
  }

  /** The text of bytes from an offset on. */
  text(input, offset) {
    this.#rest = new Uint8Array()
    this.#total = 0
    return this.write(input.subarray(offset))
  }

  get lastChar() {
    const bytes = Buffer.alloc(4)
    bytes.set(this.#rest)
    return bytes
  }

  get lastNeed() {
    return this.#total === 0 ? 0 : this.#total - this.#rest.length
  }

  get lastTotal() {
    return this.#total
  }
}

export default { StringDecoder }
