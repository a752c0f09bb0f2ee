/** The border between the pool and the runtimes: what a worker is started with, and what it reports. */
import type { Runtime } from '../capabilities/runtime.ts'
import type { Capabilities } from '../capabilities/schema.ts'
import type { FunctionError } from '../errors.ts'
import type { Environment } from '../secrets/secret-variable.ts'

/** Counts what the workers of a function use, and stops what its limits forbid. */
export interface Meter {
  /** CPU time of a worker's process by the kernel, µs, and its memory limit times the time in which it ran requests. */
  worked(cpuUs: number, byteMs: number): void
  /** An outbound request is about to be sent. @returns why it may not */
  admitEgress(): FunctionError | undefined
  /** Bytes of the body of an outbound request or response passed. @returns why no more may */
  egressBytes(bytes: number): FunctionError | undefined
}

/** One function version, with everything that a worker needs to run it. */
export interface WorkerSpec extends Environment {
  functionId: string
  functionName: string
  project: string
  version: string
  runtime: Runtime
  /** Name of the export that handles requests. */
  handler: string
  /** Already lowered by the flags of the deployment. */
  capabilities: Capabilities
  /** Undefined: nobody counts. */
  meter?: Meter | undefined
  /** Reads the bundle and checks its sha256. @throws {FunctionError} BUNDLE_LOAD_ERROR if it changed or is missing */
  loadBundle(): Uint8Array | Promise<Uint8Array>
  /** Maps the positions in an engine's stack to the tenant's sources. Without a map, it returns the stack unchanged. */
  mapStack(stack: string): string
}

/** [name, value]; values are byte strings, one code point (0 to 255) a byte. */
export type HeaderList = [name: string, value: string][]

/** A request as it is sent to a worker. */
export interface InvocationRequest {
  method: string
  /** Absolute, mount path stripped. */
  url: string
  headers: HeaderList
  /** The client's address, canonical; undefined if it is not known. */
  clientAddress?: string | undefined
  /**
   * The response head must arrive by this time (ms, performance.now()). The worker gets the time that
   * is left, and stops the invocation then; the caller answers the client and cancels.
   */
  deadline: number
  /** CPU budget, ms. */
  cpuMs: number
  /** A whole small body (at most 64 KiB); undefined, with `end: false`, if it is written later. */
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
  /** Bytes of the whole body, where the worker knew them and more follows. */
  length?: number | undefined
}

/**
 * Receives the response of one invocation: at most one `response`, then `chunk`s, then `end`. A head
 * with `end: true` is the whole response: neither `chunk` nor `end` follows it. Nothing follows `fail`
 * of the completion, or `cancel`. No method is called before `invoke` has returned.
 */
export interface ResponseSink {
  response(head: ResponseHead): void
  /** The sink owns the bytes. It gives `credit` when its reader has taken them. */
  chunk(bytes: Uint8Array): void
  end(): void
  /** The request body may be written again (after `write` returned false). */
  drain(): void
  /** The worker does not want the rest of the request body. */
  bodyUnwanted(): void
}

/** The worker ended before the response was complete, and not at a limit of this invocation. */
export interface Loss {
  /** Why the worker ended. */
  error: FunctionError
  /** Nothing of the invocation was written to the worker, or the worker read none of it. */
  unsent: boolean
}

/** How an invocation ended. */
export interface Ended {
  cpuUs: number
  loss: Loss | undefined
  /** The response was complete, and what ran on was cut off for this reason. */
  cut?: FunctionError | undefined
}

/**
 * Is notified how one invocation ends: `fail` at most once, at any point before the response is
 * complete; `done` last, exactly once, when the invocation occupies no slot of its worker any more.
 * After `cancel` only `done` follows. Every worker calls `done`, even if it crashed or was killed:
 * what it lost has a `loss` then, and no `fail`. No method is called before `invoke` has returned.
 */
export interface Completion {
  fail(error: FunctionError): void
  done(end: Ended): void
}

/** The host's hold on one running invocation. */
export interface Invocation {
  readonly id: number
  /** Queues a part of the request body, of any size, and takes ownership of it. @returns false if the caller should wait for `drain` */
  write(bytes: Uint8Array): boolean
  /** The request body is complete. */
  end(): void
  /** Bytes of the request body that were written and for which the worker gave no credit. */
  readonly unread: number
  /** Moves the deadline of the response head: the client was waited for. */
  postpone(ms: number): void
  /** The reader of the response took `bytes`. */
  credit(bytes: number): void
  /** Stops all of it: a limit is reached. Later messages are dropped; `done` follows. */
  cancel(reason: string): void
  /**
   * The client is gone. `request.signal` aborts and the bodies end; what runs goes on, and its messages
   * come as before, for a reader that drops them. Without effect once the response is complete.
   */
  disconnect(reason: string): void
}

export type WorkerState = 'starting' | 'ready' | 'draining' | 'gone'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface WorkerLog {
  invocation: number | undefined
  level: LogLevel
  message: string
  /** The entry only reports that this many lines were dropped. */
  dropped?: number
}

/** What a worker reports to the pool that owns it. */
export interface WorkerEvents {
  /** The bundle is loaded and has the handler. `initUs` is the time that loading took in the worker. */
  ready(initUs: number): void
  /** Called once, last. `error` is the reason, unless the worker was asked to shut down. */
  exit(error: FunctionError | undefined): void
  log(entry: WorkerLog): void
  /** The worker stopped or started answering pings. */
  silent(silent: boolean): void
  /** The worker should be drained and replaced. `reason` follows 'because'. */
  retire(reason: string): void
}

/** One process that runs one function version. */
export interface Worker {
  /** Unique in the life of this service. */
  readonly id: number
  readonly runtime: Runtime
  readonly state: WorkerState
  /** The pid on the host, for display; undefined until it is known. */
  readonly pid: number | undefined
  readonly startedAt: Date
  readonly inFlight: number
  /** Invocations since its start. */
  readonly invocations: number
  readonly silent: boolean
  /** The sandbox layers of the worker, for display. */
  readonly layers: readonly string[]
  /** The worker is starting, and accepts one invocation, which begins as soon as the bundle is loaded. */
  readonly takesEarly: boolean
  /** Only in state `ready`, or with `takesEarly`. */
  invoke(request: InvocationRequest, sink: ResponseSink, completion: Completion): Invocation
  /**
   * Accepts no more invocations, finishes those that run and what they leave behind within `graceMs`,
   * then exits. Resolves when it has exited. Called again, the shorter grace applies.
   *
   * @param reason for the log of what had to be ended, after 'because'
   */
  shutdown(graceMs: number, reason: string): Promise<void>
  /** Ends the worker at once. */
  kill(reason: FunctionError): void
}

/** Starts workers of both runtimes, and owns the zygotes. Closing it ends every process that it started. */
export interface WorkerFactory {
  /** Returns a worker in state `starting`. A failure to start is reported by `events.exit`. */
  start(spec: WorkerSpec, events: WorkerEvents): Worker
  /** Starts the zygote of strict functions. Resolves when it accepts connections. */
  warm(): Promise<void>
  close(): Promise<void>
}
