/** Bytes that arrive in pieces as text: what one piece leaves incomplete waits for the next. */

import { Buffer } from 'node:buffer'

/** How many bytes make a whole number of characters. */
const UNITS: Record<string, number> = { base64: 3, base64url: 3, utf16le: 2, ucs2: 2 }

export class TextWriter {
  readonly #encoding: BufferEncoding
  readonly #utf8: TextDecoder | undefined
  #held: Uint8Array = new Uint8Array(0)

  constructor(encoding: string) {
    const plain = encoding.toLowerCase()
    this.#encoding = plain as BufferEncoding
    if (plain === 'utf8' || plain === 'utf-8') {
      this.#utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
    }
  }

  write(bytes: Uint8Array): string {
    if (this.#utf8 !== undefined) return this.#utf8.decode(bytes, { stream: true })
    const all = Buffer.concat([this.#held, bytes])
    const unit = UNITS[this.#encoding.replace('-', '')] ?? 1
    const whole = all.length - (all.length % unit)
    this.#held = all.subarray(whole)
    return all.subarray(0, whole).toString(this.#encoding)
  }

  end(): string {
    return this.#utf8?.decode() ?? Buffer.from(this.#held).toString(this.#encoding)
  }
}
