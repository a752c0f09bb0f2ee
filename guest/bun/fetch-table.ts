/** `fetch` of a worker without the host's network: the host's egress broker makes the requests. */
import type { Channel } from '../../src/worker/protocol/channel.ts'
import { encodeLine } from '../../src/worker/protocol/encode.ts'
import {
  type FetchErrorMessage,
  type FetchId,
  type FetchResponseMessage,
  FORBIDDEN_METHOD,
} from '../../src/worker/protocol/messages.ts'
import { assetResponse } from './assets.ts'
import { current } from './capture.ts'
import { fitsLine } from './heads.ts'
import { OutboundFetch } from './outbound-fetch.ts'

/** Bun answers these itself, without a network. */
const LOCAL = /^(?:data|blob):/
const native = globalThis.fetch
/** The id of a fetch's invocation if the bundle began it outside of a request. */
const NO_INVOCATION = 0

/** Bun's own `fetch` has the code on the error; libraries for Node read it from the cause. */
export function addCauses(): void {
  const fetch = async (...args: Parameters<typeof native>) => {
    const [input] = args
    const asset = assetResponse(input instanceof Request ? input.url : `${input}`)
    if (asset !== undefined) return asset
    try {
      return await native(...args)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.cause === undefined) {
        error.cause = Object.assign(new Error(error.message), { code: error.code })
      }
      throw error
    }
  }
  globalThis.fetch = Object.assign(fetch, { preconnect: native.preconnect })
}

/** @throws {TypeError} as in quickjs-ng workers, if the bundle has no such asset */
function fetchAsset(url: string): Response {
  const response = assetResponse(url)
  if (response !== undefined) return response
  throw new TypeError(
    `fetch: ${url} is not an asset of this bundle. Only files that a source names by new URL('./file', import.meta.url) are`,
  )
}

export class FetchTable {
  readonly #channel: Channel
  readonly #running = new Map<FetchId, OutboundFetch>()
  #lastId = 0

  #ready = false

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Replaces Bun's `fetch`, which fails until the worker is ready. */
  install(): void {
    const fetch = (input: string | URL | Request, init?: RequestInit) => this.#fetch(input, init)
    globalThis.fetch = Object.assign(fetch, { preconnect() {} })
  }

  ready(): void {
    this.#ready = true
  }

  get size(): number {
    return this.#running.size
  }

  get(id: FetchId): OutboundFetch | undefined {
    return this.#running.get(id)
  }

  onResponse(message: FetchResponseMessage): void {
    this.#running.get(message.id)?.onResponse(message)
  }

  onError({ id, reason, message }: FetchErrorMessage): void {
    const cause = Object.assign(new Error(message), { code: reason })
    const error = new TypeError(`fetch: ${message}`, { cause })
    this.#running.get(id)?.fail(Object.assign(error, { code: reason }))
  }

  /** The invocation was cancelled: its fetches fail. Those of one that ended go on as background work. */
  endOf(invocation: number): void {
    for (const fetch of [...this.#running.values()]) {
      if (fetch.invocation !== invocation) continue
      fetch.fail(new DOMException('The invocation was cancelled', 'AbortError'))
    }
  }

  async #fetch(input: string | URL | Request, init: RequestInit | undefined): Promise<Response> {
    const request = new Request(input as Request, init)
    if (LOCAL.test(request.url)) return await native(request.url)
    if (request.url.startsWith('file:')) return fetchAsset(request.url)
    if (!this.#ready) {
      throw new TypeError(
        'fetch: it was called while the bundle loads: call it in the handler, or later',
      )
    }
    // What the bundle started runs for no request.
    const invocation = current.getStore()?.id ?? NO_INVOCATION
    request.signal.throwIfAborted()
    const id: FetchId = `f${this.#lastId + 1}`
    const { method, url, body } = request
    if (FORBIDDEN_METHOD.test(method))
      throw new TypeError(`fetch: the method ${method} is forbidden`)
    const redirect = request.redirect as 'follow' | 'error' | 'manual'
    const headers = [...request.headers] as [string, string][]
    const message = { type: 'fetch', id, invocation, method, url, headers, redirect }
    const line = encodeLine({ ...message, end: body === null })
    if (!fitsLine(line, headers))
      throw new TypeError('fetch: the URL and the headers are too large (2,000 headers, 64 KiB)')
    this.#lastId++
    const fetch = new OutboundFetch(id, invocation, this.#channel, () => this.#running.delete(id))
    this.#running.set(id, fetch)
    this.#channel.sendLine(line)
    if (body !== null) void fetch.upload(body)
    const abort = () => fetch.abort(request.signal.reason)
    request.signal.addEventListener('abort', abort, { once: true })
    return await fetch.answered
  }
}
