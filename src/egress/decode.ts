/** Takes off the content codings of a response, as a stream: what is read is held, nothing more. */
import type { Transform } from 'node:stream'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'
import type { HopReader } from './attempt.ts'
import { type EgressError, failed } from './errors.ts'
import type { HeaderLines } from './request-headers.ts'

/** Nobody means it who encodes a body more often. */
const MAX_CODINGS = 3
/** Of decoded bytes that a decoder keeps ready. */
const READY_BYTES = 64 * 1024

const DECODERS: Record<string, (first: Uint8Array) => Transform> = {
  gzip: () => createGunzip({ chunkSize: READY_BYTES }),
  'x-gzip': () => createGunzip({ chunkSize: READY_BYTES }),
  // The standard's "deflate" is zlib's format; many servers send the bare one.
  deflate: (first) =>
    ((first[0] ?? 0) & 0x0f) === 8
      ? createInflate({ chunkSize: READY_BYTES })
      : createInflateRaw({ chunkSize: READY_BYTES }),
  br: () => createBrotliDecompress({ chunkSize: READY_BYTES }),
  zstd: () => createZstdDecompress({ chunkSize: READY_BYTES }),
}
Object.setPrototypeOf(DECODERS, null)

/**
 * The codings to take off, the last applied first; none where one is unknown.
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
  if (codings.length > MAX_CODINGS) throw failed('the answer was encoded too often')
  return codings.reverse()
}

/** The headers of a response whose body is decoded: they speak of what was sent. */
export function decodedHeaders(headers: HeaderLines): HeaderLines {
  return headers.filter(([name]) => name !== 'content-encoding' && name !== 'content-length')
}

/** Stands between a hop and its reader. */
export class Decoder implements HopReader {
  readonly #codings: string[]
  readonly #reader: HopReader
  readonly #resumeSource: () => void
  #chain: Transform[] = []
  #over = false

  /** @param resumeSource more can be written, after `data` returned false */
  constructor(codings: string[], reader: HopReader, resumeSource: () => void) {
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

  /** With the first bytes: an empty body is not encoded at all. */
  #open(first: Uint8Array): void {
    this.#chain = this.#codings.flatMap((coding) => DECODERS[coding]?.(first) ?? [])
    for (const [index, stream] of this.#chain.entries()) {
      stream.on('error', (cause) => {
        if (!this.#over) this.fail(failed('the answer is not encoded as it says', cause))
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
