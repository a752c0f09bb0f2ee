/** The one border between the pool and the runtimes: what a worker is started with and answers. */
import type { Runtime } from '../capabilities/runtime.ts'
import type { Capabilities } from '../capabilities/schema.ts'
import type { FunctionError } from '../errors.ts'

/** One function version, resolved: everything that a worker needs to run it. */
export interface WorkerSpec {
  functionId: string
  functionName: string
  project: string
  version: string
  runtime: Runtime
  /** Name of the export that handles requests. */
  handler: string
  env: Readonly<Record<string, string>>
  /** Already lowered by the flags of the deployment. */
  capabilities: Capabilities
  /** Reads the bundle and checks it against its sha256; BUNDLE_LOAD_ERROR where it changed or is gone. */
  loadBundle(): Uint8Array | Promise<Uint8Array>
  /** Maps the positions in an engine's stack to the tenant's sources; returns it unchanged without a map. */
  mapStack(stack: string): string
}

/** [name, value]; values are byte strings, one code point (0 to 255) a byte. */
export type HeaderList = [name: string, value: string][]

/** A request as it goes into a worker. */
export interface InvocationRequest {
  method: string
  /** Absolute, mount path stripped. */
  url: string
  headers: HeaderList
  /**
   * Point in time (ms, performance.now()) by which the response head has to be there. The worker is
   * given what is left of it and stops the invocation; the caller answers and cancels.
   */
  deadline: number
  /** CPU budget, ms. */
  cpuMs: number
  /** A whole small body (at most 64 KiB); undefined with `end: false` when it is written later. */
  body: Uint8Array | undefined
  /** No more body follows. */
  end: boolean
}

export interface ResponseHead {
  status: number
  headers: HeaderList
  /** The whole body or its first part. */
  body: Uint8Array | undefined
  /** No more body follows. */
  end: boolean
}

/**
 * Takes the response of one invocation: at most one `response`, then `chunk`s, then `end`. A head with
 * `end: true` is the whole response: neither `chunk` nor `end` follows it. Nothing comes after `fail`
 * of the completion, or after `cancel`. No method is called before `invoke` has returned.
 */
export interface ResponseSink {
  response(head: ResponseHead): void
  /** Owned by the sink. Give `credit` when its reader has taken the bytes. */
  chunk(bytes: Uint8Array): void
  end(): void
  /** The request body may be written again (after `write` returned false). */
  drain(): void
  /** The worker wants no more of the request body. */
  bodyUnwanted(): void
}

/**
 * Learns how one invocation ends: `fail` at most once, at any point before the response is complete;
 * `done` last, exactly once, when the invocation holds no place in its worker any more. After `cancel`
 * only `done` follows. Every worker calls `done`, also after it crashed or was killed; `unsent` comes
 * without a `fail`. No method is called before `invoke` has returned.
 */
export interface Completion {
  fail(error: FunctionError): void
  /** `unsent`: nothing of this invocation had been written to the worker: it may be dispatched again. */
  done(result: { cpuUs: number; unsent: boolean }): void
}

/** The host's hold on one running invocation. */
export interface Invocation {
  readonly id: number
  /** Queues a part of the request body of any size, which it takes over; false = wait for `drain` before the next. */
  write(bytes: Uint8Array): boolean
  /** The request body is complete. */
  end(): void
  /** The reader of the response took so many bytes. */
  credit(bytes: number): void
  /** Client gone or deadline passed. What still comes is dropped; `done` follows. */
  cancel(reason: string): void
}

export type WorkerState = 'starting' | 'ready' | 'draining' | 'gone'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface WorkerLog {
  invocation: number | undefined
  level: LogLevel
  message: string
}

/** What a worker tells the pool that owns it. */
export interface WorkerEvents {
  /** Bundle loaded, handler found; `initUs` is what loading took inside the worker. */
  ready(initUs: number): void
  /** Once, last. `error`: why, when it was not asked to go. */
  exit(error: FunctionError | undefined): void
  log(entry: WorkerLog): void
  /** It stopped or started answering pings. */
  silent(silent: boolean): void
  /** It should be drained and replaced: memory limit met, heap grown, CPU life used up. */
  retire(reason: string): void
}

/** One process that runs one function version. */
export interface Worker {
  /** Unique in this service's life. */
  readonly id: number
  readonly runtime: Runtime
  readonly state: WorkerState
  /** The host's pid, for people; undefined until known. */
  readonly pid: number | undefined
  readonly startedAt: Date
  readonly inFlight: number
  /** Invocations taken in its life. */
  readonly invocations: number
  readonly silent: boolean
  /** Sandbox layers it runs under, for people. */
  readonly layers: readonly string[]
  /** It is starting, and takes one invocation ahead: that begins as soon as the bundle is loaded. */
  readonly takesEarly: boolean
  /** Only in state `ready`, or with `takesEarly`. */
  invoke(request: InvocationRequest, sink: ResponseSink, completion: Completion): Invocation
  /** Takes no more, finishes what runs within `graceMs`, then goes. Resolves when it is gone. */
  shutdown(graceMs: number): Promise<void>
  /** Ends it now. */
  kill(reason: FunctionError): void
}

/** Starts workers of both runtimes; owns the templates. Closing it ends every process it started. */
export interface WorkerFactory {
  /** Returns at once in state `starting`; failures to start arrive as `events.exit`. */
  start(spec: WorkerSpec, events: WorkerEvents): Worker
  /** Starts what must be warm (the sealed template); resolves when it accepts. */
  warm(): Promise<void>
  close(): Promise<void>
}
