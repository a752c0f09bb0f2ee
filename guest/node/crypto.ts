/** node:crypto on the worker's hashes: what packages use besides Web Crypto. */

import * as native from 'fn:hash'
import { Buffer } from 'node:buffer'

type Data = string | ArrayBufferView

const ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']
const MAX_RANDOM_BYTES = 65_536

const webcrypto = globalThis.crypto
const { subtle } = webcrypto

export { subtle, webcrypto }

export const getRandomValues = <T extends ArrayBufferView>(view: T): T =>
  webcrypto.getRandomValues(view as never) as unknown as T

function algorithmOf(name: string): string {
  const plain = name.toLowerCase().replace('-', '')
  if (!ALGORITHMS.includes(plain)) {
    throw Object.assign(
      new Error(`The hash ${name} is not supported. Supported are: ${ALGORITHMS.join(', ')}`),
      {
        code: 'ERR_CRYPTO_INVALID_DIGEST',
      },
    )
  }
  return plain
}

function bytesOf(data: Data, encoding?: string): Uint8Array {
  if (typeof data === 'string') {
    return Buffer.from(data, (encoding ?? 'utf8') as BufferEncoding)
  }
  if (!ArrayBuffer.isView(data)) {
    throw new TypeError('The data must be a string, a Buffer, a typed array or a DataView')
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

class Digest {
  protected readonly hasher: native.Hasher
  #finished = false

  constructor(hasher: native.Hasher) {
    this.hasher = hasher
  }

  update(data: Data, encoding?: string): this {
    this.check()
    native.hashUpdate(this.hasher, bytesOf(data, encoding))
    return this
  }

  digest(): Buffer
  digest(encoding: BufferEncoding): string
  digest(encoding?: string): Buffer | string {
    this.check()
    this.#finished = true
    const buffer = Buffer.from(native.hashDigest(this.hasher))
    return encoding === undefined || encoding === 'buffer'
      ? buffer
      : buffer.toString(encoding as BufferEncoding)
  }

  protected check(): void {
    if (this.#finished) {
      throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' })
    }
  }
}

export class Hash extends Digest {
  copy(): Hash {
    this.check()
    return new Hash(native.hashCopy(this.hasher))
  }
}

export class Hmac extends Digest {}

export function createHash(algorithm: string): Hash {
  return new Hash(native.createHash(algorithmOf(algorithm)))
}

export function createHmac(algorithm: string, key: Data): Hmac {
  return new Hmac(native.createHmac(algorithmOf(algorithm), bytesOf(key)))
}

export function getHashes(): string[] {
  return [...ALGORITHMS]
}

export function randomUUID(): string {
  return webcrypto.randomUUID()
}

export function randomFillSync<T extends ArrayBufferView>(view: T): T {
  const bytes = bytesOf(view)
  for (let at = 0; at < bytes.length; at += MAX_RANDOM_BYTES) {
    webcrypto.getRandomValues(bytes.subarray(at, at + MAX_RANDOM_BYTES) as Uint8Array<ArrayBuffer>)
  }
  return view
}

export function randomBytes(
  size: number,
  done?: (error: Error | null, bytes: Buffer) => void,
): Buffer | undefined {
  const bytes = randomFillSync(Buffer.alloc(size))
  if (done === undefined) {
    return bytes
  }
  queueMicrotask(() => done(null, bytes))
  return undefined
}

/** A uniformly distributed integer from `min` up to, but not including, `max`. */
export function randomInt(min: number, max?: number): number {
  const [low, high] = max === undefined ? [0, min] : [min, max]
  const range = high - low
  if (!(Number.isSafeInteger(low) && Number.isSafeInteger(high) && range > 0 && range < 2 ** 48)) {
    throw new RangeError('randomInt: max - min must be 1 to 2^48 - 1')
  }
  const limit = 2 ** 48 - (2 ** 48 % range)
  for (;;) {
    const value = (randomBytes(6) as Buffer).readUIntBE(0, 6)
    if (value < limit) return low + (value % range)
  }
}

/** Compares in constant time. */
export function timingSafeEqual(left: ArrayBufferView, right: ArrayBufferView): boolean {
  const [one, other] = [bytesOf(left), bytesOf(right)]
  if (one.length !== other.length) {
    throw Object.assign(new RangeError('Input buffers must have the same byte length'), {
      code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH',
    })
  }
  return native.equal(one, other)
}

export default {
  Hash,
  Hmac,
  createHash,
  createHmac,
  getHashes,
  getRandomValues,
  randomBytes,
  randomFillSync,
  randomInt,
  randomUUID,
  subtle,
  timingSafeEqual,
  webcrypto,
}
