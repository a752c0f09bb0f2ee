/** Decodes the content codings of a response as a stream, without holding the whole body. */
import type { Transform } from 'node:stream'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'
import type { AttemptReader } from './attempt.ts'
import { type EgressError, failed } from './errors.ts'
import type { HeaderLines } from './request-headers.ts'

/** No real server stacks more than three content codings; each costs CPU time and memory. */
const MAX_CODINGS = 3
/** Size of the buffer of decoded bytes in each decoder. */
const READY_BYTES = 64 * 1024

const DECODERS: Record<string, (first: Uint8Array) => Transform> = {
  gzip: () => createGunzip({ chunkSize: READY_BYTES }),
  'x-gzip': () => createGunzip({ chunkSize: READY_BYTES }),
  // The standard's "deflate" is the zlib format, but many servers send raw deflate.
  deflate: (first) =>
    ((first[0] ?? 0) & 0x0f) === 8
      ? createInflate({ chunkSize: READY_BYTES })
      : createInflateRaw({ chunkSize: READY_BYTES }),
  br: () => createBrotliDecompress({ chunkSize: READY_BYTES }),
  zstd: () => createZstdDecompress({ chunkSize: READY_BYTES }),
}
Object.setPrototypeOf(DECODERS, null)

/**
 * The codings to decode, the last applied one first; empty if one of them is unknown.
 *
 * @throws {EgressError} FAILED
 */
export function codingsOf(headers: HeaderLines): string[] {
  const codings = headers
    .filter(([name]) => name === 'content-encoding')
    .flatMap(([, value]) => value.split(','))
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.some((coding) => DECODERS[coding] === undefined)) return []
  if (codings.length > MAX_CODINGS)
    throw failed('ERR_PROTOCOL', `The response has more than ${MAX_CODINGS} content codings.`)
  return codings.reverse()
}

/** Removes the headers that describe the encoded body. */
export function decodedHeaders(headers: HeaderLines): HeaderLines {
  return headers.filter(([name]) => name !== 'content-encoding' && name !== 'content-length')
}

/** Sits between an attempt and its reader. */
export class Decoder implements AttemptReader {
  readonly #codings: string[]
  readonly #reader: AttemptReader
  readonly #resumeSource: () => void
  #chain: Transform[] = []
  #over = false

  /** @param resumeSource called when more can be written, after `data` returned false */
  constructor(codings: string[], reader: AttemptReader, resumeSource: () => void) {
    this.#codings = codings
    this.#reader = reader
    this.#resumeSource = resumeSource
  }

  data(bytes: Buffer): boolean {
    if (this.#chain.length === 0) this.#open(bytes)
    return this.#chain[0]?.write(bytes) ?? true
  }

  end(): void {
    const [first] = this.#chain
    if (first === undefined) this.#reader.end()
    else first.end()
  }

  fail(error: EgressError): void {
    if (this.#over) return
    this.stop()
    this.#reader.fail(error)
  }

  resume(): void {
    this.#chain.at(-1)?.resume()
  }

  stop(): void {
    this.#over = true
    for (const stream of this.#chain) stream.destroy()
  }

  /** Called with the first bytes, since an empty body is not encoded at all. */
  #open(first: Uint8Array): void {
    this.#chain = this.#codings.flatMap((coding) => DECODERS[coding]?.(first) ?? [])
    for (const [index, stream] of this.#chain.entries()) {
      stream.on('error', (cause) => {
        if (!this.#over)
          this.fail(
            failed(
              'ERR_PROTOCOL',
              'The response body does not match its Content-Encoding header.',
              cause,
            ),
          )
      })
      const next = this.#chain[index + 1]
      if (next !== undefined) stream.pipe(next)
    }
    const last = this.#chain.at(-1)
    this.#chain[0]?.on('drain', () => {
      if (!this.#over) this.#resumeSource()
    })
    last?.on('data', (bytes: Buffer) => {
      if (!this.#over && !this.#reader.data(bytes)) last.pause()
    })
    last?.on('end', () => {
      if (this.#over) return
      this.#over = true
      this.#reader.end()
    })
  }
}
