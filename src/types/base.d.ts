/**
 * The types of a function: its handler, its context, and exactly the globals of a worker. Written by
 * `functions types`, to be used instead of TypeScript's DOM libraries:
 *     { "compilerOptions": { "target": "ESNext", "lib": ["ESNext"], "types": [] } }
 *
 * The interfaces of the web are those of TypeScript's own library, (c) Microsoft, Apache-2.0.
 */

/** The function's variables. Declare the interface again in your own files to list their names. */
interface Env {
  readonly [name: string]: string
}

interface FunctionContext {
  readonly env: Env
  /** Lets the promise run on after the response, for up to 30 s. */
  waitUntil(promise: PromiseLike<unknown>): void
  readonly requestId: string
  /** IPv4 or IPv6. Undefined if a trusted proxy did not say it. Unlike `x-forwarded-for`, it is never a client's own claim. */
  readonly clientAddress: string | undefined
  readonly functionName: string
  readonly version: string
  readonly project: string
  /** Time by which the response must begin, in ms since the epoch. */
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

/** Thrown by the engine when it cannot continue, for example when recursion is too deep. */
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

/** A timer: an object, as in Node, that stands for its number where one is needed. */
interface Timeout {
  /** Without effect: a worker neither ends nor stays for its timers. */
  ref(): this
  unref(): this
  hasRef(): boolean
  /** Starts the time again, also after the timer has fired. */
  refresh(): this
  close(): this
  [Symbol.toPrimitive](): number
  [Symbol.dispose](): void
}

declare function setTimeout(
  handler: TimerHandler,
  timeout?: number,
  ...arguments: Parameters<TimerHandler>
): number & Timeout

declare function setInterval(
  handler: TimerHandler,
  timeout?: number,
  ...arguments: Parameters<TimerHandler>
): number & Timeout
