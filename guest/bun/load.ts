/** Loads a bundle from memory and finds its handler. */
import type { StartDetails } from '../../src/worker/protocol/messages.ts'
import { installAssets } from './assets.ts'

/** What a handler gets besides its request. */
export interface InvocationContext {
  env: Readonly<Record<string, string>>
  waitUntil(promise: unknown): void
  requestId: string
  clientAddress: string | undefined
  functionName: string
  version: string
  project: string
  /** ms since the epoch */
  deadline: number
}

export type Handler = (request: Request, context: InvocationContext) => unknown

/** The name that positions in stacks carry; the host maps them from there. */
const BUNDLE = 'bundle.js'

/** @throws what the bundle throws while it loads, or a TypeError if it does not export the handler */
export async function loadHandler(source: string, details: StartDetails): Promise<Handler> {
  Bun.plugin({
    name: 'bundle',
    setup: (build) => {
      build.module(BUNDLE, () => ({ contents: source, loader: 'js' }))
    },
  })
  installAssets()
  delete process.env.BUN_BE_BUN
  Object.assign(process.env, details.env)
  giveStringsTheirType()
  const exported = ((await import(BUNDLE)) as Record<string, unknown>)[details.handler]
  if (typeof exported === 'function') return exported as Handler
  if (typeof exported === 'object' && exported !== null && 'fetch' in exported) {
    const { fetch } = exported
    if (typeof fetch === 'function') {
      return (request, context) => fetch.call(exported, request, context.env, context)
    }
  }
  throw new TypeError(
    `no handler: the export '${details.handler}' is neither a function nor an object with a fetch method`,
  )
}

/**
 * A Response made of a string has `content-type: text/plain;charset=UTF-8` (Fetch, 6.4); Bun adds it
 * only when its own server sends the response, where a copy of the headers would miss it.
 */
function giveStringsTheirType(): void {
  const native = globalThis.Response
  globalThis.Response = new Proxy(native, {
    construct(target, args, newTarget) {
      const response = Reflect.construct(target, args, newTarget) as Response
      if (typeof args[0] === 'string' && !response.headers.has('content-type')) {
        response.headers.set('content-type', 'text/plain;charset=UTF-8')
      }
      return response
    },
  })
}
