/**
 * What a function of Functions sees: its handler, its context, and exactly the globals of a worker.
 * Written by `functions types`; it is used in place of TypeScript's libraries for the DOM:
 *     { "compilerOptions": { "target": "ESNext", "lib": ["ESNext"], "types": [] } }
 *
 * The interfaces of the web are those of TypeScript's own library, (c) Microsoft, Apache-2.0.
 */

/** The function's variables. Declare them once more in your own files to name them. */
interface Env {
  readonly [name: string]: string
}

interface FunctionContext {
  readonly env: Env
  /** Keeps the request open behind its response, for up to 30 s. */
  waitUntil(promise: PromiseLike<unknown>): void
  readonly requestId: string
  readonly functionName: string
  readonly version: string
  readonly project: string
  /** When the request is to have its response, in ms since the epoch. */
  readonly deadline: number
}

/** `export default` one of these, or an object with `fetch`. */
type FunctionHandler = (req: Request, ctx: FunctionContext) => Response | Promise<Response>

interface FunctionObject {
  fetch(req: Request, env: Env, ctx: FunctionContext): Response | Promise<Response>
}

interface Navigator {
  readonly userAgent: string
}

declare var Navigator: { prototype: Navigator }

declare var navigator: Navigator

declare var self: typeof globalThis

/** Of the engine: what cannot go on, such as too deep a recursion. */
interface InternalError extends Error {}
declare var InternalError: { new (message?: string): InternalError; prototype: InternalError }

interface QuotaExceededError extends DOMException {
  readonly quota: number | null
  readonly requested: number | null
}
declare var QuotaExceededError: {
  prototype: QuotaExceededError
  new (message?: string, options?: { quota?: number; requested?: number }): QuotaExceededError
}

// biome-ignore lint/suspicious/noExplicitAny: callbacks take what the caller gives
type TimerHandler = (...args: any[]) => void

type Transferable = ArrayBuffer | MessagePort | ReadableStream | TransformStream | WritableStream
type MessageEventSource = MessagePort

/** The global scope as an EventTarget. */
declare function addEventListener(
  type: string,
  listener: EventListenerOrEventListenerObject | null,
  options?: boolean | AddEventListenerOptions,
): void

declare function removeEventListener(
  type: string,
  listener: EventListenerOrEventListenerObject | null,
  options?: boolean | EventListenerOptions,
): void

declare function dispatchEvent(event: Event): boolean

declare var onerror:
  | ((
      event: Event | string,
      source?: string,
      line?: number,
      column?: number,
      error?: unknown,
    ) => unknown)
  | null

declare var onrejectionhandled: ((event: PromiseRejectionEvent) => unknown) | null

declare var onunhandledrejection: ((event: PromiseRejectionEvent) => unknown) | null
