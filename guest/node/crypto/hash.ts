/** Hash, Hmac and the functions that make them. */

import * as native from 'fn:hash'
import type { Buffer } from 'node:buffer'
import { bufferOf, inEncoding, updateBytes } from './bytes.ts'
import { argType, coded, needString, openssl } from './errors.ts'
import { secretFrom } from './key-slots.ts'
import { LateTransform } from './late-streams.ts'
import { HASH_SIZES, HASHES, hashOf, needHash } from './names.ts'

type Done = (error?: unknown) => void

const finalized = () => coded(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called')

/** What Hash and Hmac share. The end of the stream makes the result, which `digest` may return later. */
class Digest extends LateTransform {
  readonly #hasher: native.Hasher
  #result: ArrayBuffer | undefined

  constructor(hasher: native.Hasher, options?: object) {
    super(options)
    this.#hasher = hasher
  }

  protected get hasher(): native.Hasher {
    return this.#hasher
  }

  protected get finished(): boolean {
    return this.#result !== undefined
  }

  update(data: unknown, encoding?: unknown): this {
    if (this.finished) throw finalized()
    native.hashUpdate(this.#hasher, updateBytes(data, 'data', encoding))
    return this
  }

  protected finish(): ArrayBuffer {
    this.#result ??= native.hashDigest(this.#hasher)
    return this.#result.slice(0)
  }

  /** What is written after `digest` is ignored, as in Node. */
  _transform(chunk: unknown, encoding: unknown, done: Done): void {
    if (!this.finished) this.update(chunk, encoding)
    done()
  }

  _flush(done: Done): void {
    const stream = this as unknown as { push(chunk: Buffer): void }
    stream.push(bufferOf(this.finish()))
    done()
  }
}

export class Hash extends Digest {
  #isRead = false

  copy(options?: object): Hash {
    if (this.finished) throw finalized()
    return new Hash(native.hashCopy(this.hasher), options)
  }

  digest(encoding?: unknown): Buffer | string {
    if (this.#isRead) throw finalized()
    this.#isRead = true
    return inEncoding(this.finish(), encoding)
  }
}

export class Hmac extends Digest {
  /** Returns nothing after the first call and after the end of the stream, as in Node. */
  digest(encoding?: unknown): Buffer | string {
    return inEncoding(this.finished ? new ArrayBuffer(0) : this.finish(), encoding)
  }
}

export function createHash(algorithm: unknown, options?: { outputLength?: unknown }): Hash {
  const name = hashOf(needString(algorithm, 'algorithm'))
  if (name === undefined) {
    const message = `The hash ${algorithm} is not supported. Supported are: ${HASHES.join(', ')}`
    throw coded(Error, 'ERR_CRYPTO_INVALID_DIGEST', message)
  }
  const length = options?.outputLength
  if (length !== undefined && length !== HASH_SIZES[name]) {
    throw openssl(
      '030000B2',
      'digital envelope',
      'not XOF or invalid length',
      'ERR_OSSL_EVP_NOT_XOF_OR_INVALID_LENGTH',
    )
  }
  return new Hash(native.createHash(name), options)
}

export function createHmac(algorithm: unknown, key: unknown, options?: object): Hmac {
  const hmac = needString(algorithm, 'hmac')
  const bytes = secretFrom(key, 'key', (options as { encoding?: unknown } | undefined)?.encoding)
  return new Hmac(native.createHmac(needHash(hmac), bytes), options)
}

/** The hash of data that is there as a whole. */
export function hash(algorithm: unknown, input: unknown, encoding: unknown = 'hex') {
  needString(algorithm, 'algorithm')
  if (typeof input !== 'string' && !ArrayBuffer.isView(input)) {
    throw argType(
      'input',
      'of type string or an instance of Buffer, TypedArray, or DataView',
      input,
    )
  }
  return createHash(algorithm).update(input).digest(encoding)
}

export const getHashes = (): string[] => [
  ...['RSA-MD5', 'RSA-SHA1', 'RSA-SHA224', 'RSA-SHA256', 'RSA-SHA384', 'RSA-SHA512'],
  ...HASHES,
]
