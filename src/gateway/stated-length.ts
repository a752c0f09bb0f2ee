/** Lengths of response bodies: those that are known reach the client, those that are wrong break off. */
import { NULL_BODY_STATUSES } from '../lib/null-body-status.ts'
import type { HeaderList, ResponseHead } from '../worker/worker.ts'

/**
 * A whole body of up to this length, bytes, that does not fit its head is collected, so that it is sent
 * with its length: Bun's server sends none for a stream. It is no more than the worker's credit, so
 * that a response holds no more memory than one that streams.
 */
export const COLLECT_BYTES = 256 * 1024

/** The Content-Length that a handler stated; undefined if there is none, or it is not a number. */
export function statedLength(headers: HeaderList): number | undefined {
  const stated = headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1]
  return stated !== undefined && /^\d{1,15}$/.test(stated) ? Number(stated) : undefined
}

/** Counts the bytes of a body whose length was stated. */
export class BodyLength {
  readonly stated: number
  seen = 0

  constructor(stated: number) {
    this.stated = stated
  }

  /** @returns whether the body is not too long */
  add(bytes: number): boolean {
    this.seen += bytes
    return this.seen <= this.stated
  }

  get complete(): boolean {
    return this.seen === this.stated
  }
}

/** A whole body whose parts are still coming. */
export class CollectedBody {
  readonly length: BodyLength
  readonly #head: ResponseHead
  readonly #bytes: Uint8Array

  constructor(head: ResponseHead, length: number) {
    this.#head = head
    this.length = new BodyLength(length)
    this.#bytes = new Uint8Array(length)
  }

  add(bytes: Uint8Array): boolean {
    const at = this.length.seen
    if (!this.length.add(bytes.length)) return false
    this.#bytes.set(bytes, at)
    return true
  }

  /** The response with all of its body. */
  get response(): ResponseHead {
    return { ...this.#head, body: this.#bytes, end: true }
  }
}

/** The body of a response that ends with its head. */
export function wholeBody({ status, headers, body, end, length }: ResponseHead) {
  if (NULL_BODY_STATUSES.has(status)) return null
  if (end) return (body ?? null) as Uint8Array<ArrayBuffer> | null
  // For HEAD, Bun derives Content-Length from the body, which it does not send. A stream has no length.
  const declared = statedLength(headers) !== undefined
  return declared || length !== undefined ? null : new ReadableStream()
}
