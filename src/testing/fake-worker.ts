/**
 * For unit tests only: workers and time in the test's hand, for faults that a real worker cannot be
 * made to show.
 */
import type { FunctionError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type {
  Completion,
  Invocation,
  InvocationRequest,
  ResponseSink,
  Worker,
  WorkerEvents,
  WorkerFactory,
  WorkerSpec,
  WorkerState,
} from '../worker/worker.ts'

/** A clock that only `advance` moves. */
export class TestClock implements Clock {
  #now = 0
  #tasks: { at: number; task: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.#now + ms, task }
    this.#tasks.push(entry)
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry)
    }
  }

  /** The number of scheduled tasks. */
  get pending(): number {
    return this.#tasks.length
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = this.#tasks.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#tasks = this.#tasks.filter((other) => other !== due)
      this.#now = Math.max(this.#now, due.at)
      due.task()
    }
    this.#now = end
  }
}

export class FakeInvocation implements Invocation {
  readonly id: number
  readonly request: InvocationRequest
  readonly sink: ResponseSink
  readonly completion: Completion
  readonly written: Uint8Array[] = []
  ended = false
  credited = 0
  unread = 0
  postponedMs = 0
  cancelled: string | undefined
  disconnected: string | undefined
  /** What `write` answers. */
  takes = true

  constructor(id: number, request: InvocationRequest, sink: ResponseSink, completion: Completion) {
    this.id = id
    this.request = request
    this.sink = sink
    this.completion = completion
  }

  write(bytes: Uint8Array): boolean {
    this.written.push(bytes)
    return this.takes
  }

  end(): void {
    this.ended = true
  }

  postpone(ms: number): void {
    this.postponedMs += ms
  }

  credit(bytes: number): void {
    this.credited += bytes
  }

  cancel(reason: string): void {
    this.cancelled = reason
  }

  disconnect(reason: string): void {
    this.disconnected = reason
  }
}

export class FakeWorker implements Worker {
  readonly id: number
  readonly runtime
  readonly spec: WorkerSpec
  readonly events: WorkerEvents
  readonly pid = undefined
  readonly startedAt = new Date(0)
  readonly layers = []
  state: WorkerState = 'starting'
  silent = false
  /** Whether the worker accepts an invocation while it starts. */
  early = false
  taken: FakeInvocation[] = []
  shutdownGraceMs: number | undefined
  shutdownReason: string | undefined
  /** Its requests leave work behind, so that a shutdown takes the whole grace. */
  leavesWork = false
  killed: FunctionError | undefined
  #running = new Set<FakeInvocation>()
  #gone = Promise.withResolvers<void>()

  constructor(id: number, spec: WorkerSpec, events: WorkerEvents) {
    this.id = id
    this.runtime = spec.runtime
    this.spec = spec
    this.events = events
  }

  get inFlight(): number {
    return this.#running.size
  }

  get takesEarly(): boolean {
    return this.early && this.state === 'starting' && this.taken.length === 0
  }

  get invocations(): number {
    return this.taken.length
  }

  get last(): FakeInvocation {
    const last = this.taken.at(-1)
    if (last === undefined) throw new Error('nothing was invoked')
    return last
  }

  invoke(request: InvocationRequest, sink: ResponseSink, completion: Completion): Invocation {
    if (this.state !== 'ready' && !this.takesEarly) throw new Error(`invoke while ${this.state}`)
    const invocation = new FakeInvocation(this.taken.length + 1, request, sink, completion)
    this.taken.push(invocation)
    this.#running.add(invocation)
    return invocation
  }

  shutdown(graceMs: number, reason: string): Promise<void> {
    this.state = 'draining'
    this.shutdownGraceMs = graceMs
    this.shutdownReason = reason
    this.#exitIfOver()
    return this.#gone.promise
  }

  kill(reason: FunctionError): void {
    this.killed = reason
    this.exit(reason)
  }

  becomeReady(): void {
    this.state = 'ready'
    this.events.ready(1)
  }

  becomeSilent(silent: boolean): void {
    this.silent = silent
    this.events.silent(silent)
  }

  finish(invocation: FakeInvocation): void {
    this.#running.delete(invocation)
    invocation.completion.done({ cpuUs: 10, loss: undefined })
    this.#exitIfOver()
  }

  #exitIfOver(): void {
    const over = this.#running.size === 0 && (!this.leavesWork || this.shutdownGraceMs === 0)
    if (this.state === 'draining' && over) this.exit()
  }

  /** Ends the worker. Invocations in `unsent` were not written; the others were begun. */
  exit(error?: FunctionError, unsent: readonly FakeInvocation[] = []): void {
    if (this.state === 'gone') return
    this.state = 'gone'
    for (const invocation of this.#running) {
      const cancelled = error === undefined || invocation.cancelled !== undefined
      const loss = cancelled ? undefined : { error, unsent: unsent.includes(invocation) }
      invocation.completion.done({ cpuUs: 5, loss })
    }
    this.#running.clear()
    this.events.exit(error)
    this.#gone.resolve()
  }
}

export class FakeWorkerFactory implements WorkerFactory {
  readonly started: FakeWorker[] = []
  /** Workers take one invocation while they start. */
  early = false

  start(spec: WorkerSpec, events: WorkerEvents): FakeWorker {
    const worker = new FakeWorker(this.started.length + 1, spec, events)
    worker.early = this.early
    this.started.push(worker)
    return worker
  }

  /** The worker that was started at this index. */
  at(index: number): FakeWorker {
    const worker = this.started.at(index)
    if (worker === undefined) throw new Error(`no worker ${index} was started`)
    return worker
  }

  async warm(): Promise<void> {}

  async close(): Promise<void> {}
}

/** A spec of some function. */
export function anySpec(name = 'any'): WorkerSpec {
  return {
    functionId: `func-${name}`,
    functionName: name,
    project: 'default',
    version: 'v1',
    runtime: 'quickjs-ng',
    handler: 'default',
    env: {},
    secrets: [],
    capabilities: {
      allowFilesystem: false,
      allowedPaths: [],
      allowNetwork: false,
      allowedDomains: [],
      allowChildProcess: false,
      allowEval: false,
      maxMemory: 100 * 1024 * 1024,
      maxCpu: 30_000,
      maxFileDescriptors: 10,
      projectId: 'default',
    },
    loadBundle: async () => new Uint8Array(),
    mapStack: (stack) => stack,
  }
}
