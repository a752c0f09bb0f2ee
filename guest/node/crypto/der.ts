/** DER, as far as keys and signatures need it. The reader accepts definite lengths below 2^31 only. */

import { concat } from './bytes.ts'

export const INTEGER = 0x02
export const BIT_STRING = 0x03
export const OCTET_STRING = 0x04
export const NULL = 0x05
export const OID = 0x06
export const SEQUENCE = 0x30
/** `[n]`, constructed. */
export const tagged = (n: number) => 0xa0 | n

export class DerError extends Error {}

/** Reads the values of one level, in their order. */
export class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** The tag of the next value; -1 at the end. */
  get next(): number {
    return this.#bytes[this.#at] ?? -1
  }

  /** The content of the next value, which must have this tag. */
  read(tag: number): Uint8Array {
    return this.#take(tag, false)
  }

  /** The next value with its header. */
  readWhole(tag: number): Uint8Array {
    return this.#take(tag, true)
  }

  enter(tag: number): Reader {
    return new Reader(this.read(tag))
  }

  /** The next value if it has this tag. */
  optional(tag: number): Uint8Array | undefined {
    return this.next === tag ? this.read(tag) : undefined
  }

  /** A small number that is not negative. */
  readNumber(): number {
    const bytes = this.read(INTEGER)
    if (bytes.length === 0 || bytes.length > 6 || (bytes[0] as number) > 127) {
      throw new DerError('not a small number')
    }
    return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  }

  /** A BIT STRING of whole bytes. */
  readBits(): Uint8Array {
    const bytes = this.read(BIT_STRING)
    if (bytes[0] !== 0) throw new DerError('not a BIT STRING of whole bytes')
    return bytes.subarray(1)
  }

  readOid(): string {
    return oidText(this.read(OID))
  }

  end(): void {
    if (!this.done) throw new DerError('data after the last value')
  }

  #take(tag: number, whole: boolean): Uint8Array {
    const start = this.#at
    if (this.next !== tag) throw new DerError('another tag was expected')
    this.#at += 1
    const length = this.#length()
    const from = this.#at
    if (length > this.#bytes.length - from) throw new DerError('the data ends too early')
    this.#at = from + length
    return this.#bytes.subarray(whole ? start : from, this.#at)
  }

  #length(): number {
    const first = this.#byte()
    if (first < 128) return first
    const count = first - 128
    if (count === 0 || count > 4) throw new DerError('not a definite length')
    let length = 0
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte()
    if (length < 128 || length >= 2 ** 31) throw new DerError('not a valid length')
    return length
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new DerError('the data ends too early')
    this.#at += 1
    return byte
  }
}

/** `1.2.840` of the content of an OBJECT IDENTIFIER. */
function oidText(bytes: Uint8Array): string {
  const parts: number[] = []
  let part = 0
  for (const byte of bytes) {
    part = part * 128 + (byte & 127)
    if (part > 2 ** 40) throw new DerError('not an object identifier')
    if (byte < 128) {
      parts.push(part)
      part = 0
    }
  }
  const [first] = parts
  if (first === undefined || parts.length > 32) throw new DerError('not an object identifier')
  const top = Math.min(2, Math.floor(first / 40))
  return [top, first - top * 40, ...parts.slice(1)].join('.')
}

export function value(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const content = concat(parts)
  const { length } = content
  const size: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256)
  const header = length < 128 ? [tag, length] : [tag, 128 + size.length, ...size]
  return concat([Uint8Array.from(header), content])
}

export const sequence = (...parts: Uint8Array[]) => value(SEQUENCE, ...parts)
export const octets = (bytes: Uint8Array) => value(OCTET_STRING, bytes)
export const bits = (bytes: Uint8Array) => value(BIT_STRING, new Uint8Array(1), bytes)
export const nothing = () => value(NULL)

/** A big-endian number that is not negative. */
export function integer(bytes: Uint8Array): Uint8Array {
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from += 1
  const short = bytes.subarray(from)
  const first = short[0] ?? 0
  return value(
    INTEGER,
    first > 127 || short.length === 0 ? new Uint8Array(1) : short.subarray(0, 0),
    short,
  )
}

export const small = (number: number) => integer(Uint8Array.of(number >> 16, number >> 8, number))

export function oid(text: string): Uint8Array {
  const [a = 0, b = 0, ...rest] = text.split('.').map(Number)
  const bytes: number[] = []
  for (const part of [a * 40 + b, ...rest]) {
    const digits = [part % 128]
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift(128 + (left % 128))
    }
    bytes.push(...digits)
  }
  return value(OID, Uint8Array.from(bytes))
}
