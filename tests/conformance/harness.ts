/** Starts real workers of both runtimes and calls them through the one border, the Worker interface. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Runtime } from '../../src/capabilities/runtime.ts'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import { FunctionError } from '../../src/errors.ts'
import type { SecretVariable } from '../../src/secrets/secret-variable.ts'
import type {
  Completion,
  Ended,
  HeaderList,
  Invocation,
  Meter,
  ResponseHead,
  ResponseSink,
  Worker,
  WorkerFactory,
  WorkerLog,
  WorkerSpec,
} from '../../src/worker/worker.ts'
import { createWorkerFactory, type WorkerFactoryOptions } from '../../src/worker/worker-factory.ts'
import { makeEgress } from '../egress/harness.ts'

export { eventually as until } from '../../src/testing/eventually.ts'

const BIN = join(import.meta.dir, '../../.build/bin')
const WORKER = process.env.FUNCTIONS_TEST_WORKER ?? join(BIN, 'quickjs-worker')
const LAUNCHER = process.env.FUNCTIONS_TEST_LAUNCHER ?? join(BIN, 'functions-launcher')
const MB = 1024 * 1024

export const RUNTIMES: Runtime[] = ['quickjs-ng', 'bun']

export interface FactoryFixture {
  factory: WorkerFactory
  close(): Promise<void>
}

/** A worker factory with a new run directory. */
export function openFactory(overrides: Partial<WorkerFactoryOptions> = {}): FactoryFixture {
  const runDir = mkdtempSync(join(tmpdir(), 'functions-conformance-'))
  const factory = createWorkerFactory({
    launcherPath: LAUNCHER,
    workerPath: WORKER,
    executablePath: () => process.execPath,
    runDir,
    sandboxUid: process.getuid?.() === 0 ? 65534 : undefined,
    log: (level, message) => console.error(`${level}: ${message}`),
    egress: overrides.egress ?? makeEgress(),
    ...overrides,
  })
  return {
    factory,
    close: async () => {
      await factory.close()
      rmSync(runDir, { recursive: true, force: true })
    },
  }
}

export interface SpecOverrides {
  handler?: string
  env?: Record<string, string>
  secrets?: readonly SecretVariable[]
  capabilities?: Partial<Capabilities>
  mapStack?: (stack: string) => string
  meter?: Meter
}

export function makeSpec(
  runtime: Runtime,
  source: string,
  overrides: SpecOverrides = {},
): WorkerSpec {
  return {
    functionId: 'func-probe',
    functionName: 'probe',
    project: 'default',
    version: 'v1',
    runtime,
    handler: overrides.handler ?? 'default',
    env: overrides.env ?? {},
    secrets: overrides.secrets ?? [],
    capabilities: {
      allowFilesystem: false,
      allowedPaths: [],
      allowNetwork: false,
      allowedDomains: [],
      allowChildProcess: false,
      allowEval: false,
      // Bun itself needs more than a strict function may have.
      maxMemory: (runtime === 'bun' ? 256 : 64) * MB,
      maxCpu: 5000,
      maxFileDescriptors: 32,
      projectId: 'default',
      ...overrides.capabilities,
    },
    loadBundle: () => Promise.resolve(new TextEncoder().encode(source)),
    mapStack: overrides.mapStack ?? ((stack) => stack),
    meter: overrides.meter,
  }
}

/** A worker and its events so far. */
export interface Started {
  worker: Worker
  ready: Promise<number>
  exit: Promise<FunctionError | undefined>
  logs: WorkerLog[]
  silences: boolean[]
  retirements: string[]
}

export function begin(factory: WorkerFactory, spec: WorkerSpec): Started {
  const ready = Promise.withResolvers<number>()
  const exit = Promise.withResolvers<FunctionError | undefined>()
  ready.promise.catch(() => {})
  const logs: WorkerLog[] = []
  const silences: boolean[] = []
  const retirements: string[] = []
  const worker = factory.start(spec, {
    ready: (initUs) => ready.resolve(initUs),
    exit: (error) => {
      ready.reject(error ?? new Error('exited'))
      exit.resolve(error)
    },
    log: (entry) => logs.push(entry),
    silent: (silent) => silences.push(silent),
    retire: (reason) => retirements.push(reason),
  })
  return { worker, ready: ready.promise, exit: exit.promise, logs, silences, retirements }
}

/** Starts a worker and waits until it takes invocations. */
export async function start(
  factory: WorkerFactory,
  runtime: Runtime,
  source: string,
  overrides: SpecOverrides = {},
): Promise<Started> {
  const started = begin(factory, makeSpec(runtime, source, overrides))
  await started.ready
  return started
}

export interface CallOptions {
  method?: string
  url?: string
  headers?: HeaderList
  clientAddress?: string
  body?: Uint8Array | string
  deadlineMs?: number
  cpuMs?: number
  /** Gives no credit after this many bytes of the response body, until `resume`. */
  pauseAfter?: number
}

export interface Answer {
  status: number
  headers: HeaderList
  body: Buffer
  error: FunctionError | undefined
  cpuUs: number
  unsent: boolean
  /** ms from the call to the head or the failure, and to `done`. */
  answeredAfter: number
  doneAfter: number
}

export interface Call {
  invocation: Invocation
  /** The head or the failure has arrived. */
  answered: Promise<void>
  done: Promise<Answer>
  received: () => number
  resume: () => void
  bodyUnwanted: Promise<void>
}

const BODY_PART = 256 * 1024

/** Records the response of one invocation, and gives credit for it unless it is paused. */
class Recorder implements ResponseSink, Completion {
  readonly answered = Promise.withResolvers<void>()
  readonly finished = Promise.withResolvers<Answer>()
  readonly unwanted = Promise.withResolvers<void>()
  invocation: Invocation | undefined
  drained = Promise.withResolvers<void>()
  received = 0
  readonly #begun = performance.now()
  readonly #parts: Buffer[] = []
  #pauseAfter: number
  #held = 0
  readonly #answer: Answer = {
    status: 0,
    headers: [],
    body: Buffer.alloc(0),
    error: undefined,
    cpuUs: 0,
    unsent: false,
    answeredAfter: 0,
    doneAfter: 0,
  }

  constructor(pauseAfter: number) {
    this.#pauseAfter = pauseAfter
  }

  response(head: ResponseHead): void {
    this.#answer.status = head.status
    this.#answer.headers = head.headers
    if (head.body !== undefined) this.chunk(head.body)
    this.#settle()
  }

  chunk(bytes: Uint8Array): void {
    this.received += bytes.length
    this.#parts.push(Buffer.from(bytes))
    if (this.received > this.#pauseAfter) this.#held += bytes.length
    else this.invocation?.credit(bytes.length)
  }

  end(): void {}

  drain(): void {
    this.drained.resolve()
  }

  bodyUnwanted(): void {
    this.unwanted.resolve()
    this.drained.resolve()
  }

  fail(error: FunctionError): void {
    this.#answer.error = error
    this.#settle()
  }

  done({ cpuUs, loss }: Ended): void {
    const unsent = loss?.unsent === true
    if (loss !== undefined && !unsent) this.fail(loss.error)
    const doneAfter = performance.now() - this.#begun
    const body = Buffer.concat(this.#parts)
    this.finished.resolve({ ...this.#answer, cpuUs, unsent, doneAfter, body })
  }

  /** As the gateway does: the caller of a worker watches the deadline of the response head. */
  timeOutAfter(ms: number): void {
    const timer = setTimeout(() => {
      this.fail(new FunctionError('TIMEOUT', `no response head within ${ms} ms`))
      this.invocation?.cancel('deadline passed')
    }, ms)
    void Promise.race([this.answered.promise, this.finished.promise]).then(() => {
      clearTimeout(timer)
    })
  }

  resume(): void {
    this.#pauseAfter = Number.POSITIVE_INFINITY
    this.invocation?.credit(this.#held)
    this.#held = 0
  }

  #settle(): void {
    this.#answer.answeredAfter = performance.now() - this.#begun
    this.answered.resolve()
  }
}

/** One invocation, its body written as fast as the worker takes it. */
export function open(worker: Worker, options: CallOptions = {}): Call {
  const recorder = new Recorder(options.pauseAfter ?? Number.POSITIVE_INFINITY)
  const body = typeof options.body === 'string' ? Buffer.from(options.body) : options.body
  const small = body === undefined || body.length <= 65536
  const deadlineMs = options.deadlineMs ?? 10_000
  const invocation = worker.invoke(
    {
      method: options.method ?? 'GET',
      url: options.url ?? 'http://probe.test/',
      headers: options.headers ?? [],
      clientAddress: options.clientAddress,
      deadline: performance.now() + deadlineMs,
      cpuMs: options.cpuMs ?? 5000,
      body: small ? body : undefined,
      end: small,
    },
    recorder,
    recorder,
  )
  recorder.invocation = invocation
  recorder.timeOutAfter(deadlineMs)
  if (!small) void writeBody(invocation, body, recorder)
  return {
    invocation,
    answered: recorder.answered.promise,
    done: recorder.finished.promise,
    received: () => recorder.received,
    resume: () => recorder.resume(),
    bodyUnwanted: recorder.unwanted.promise,
  }
}

async function writeBody(to: Invocation, body: Uint8Array, recorder: Recorder): Promise<void> {
  for (let at = 0; at < body.length; at += BODY_PART) {
    recorder.drained = Promise.withResolvers<void>()
    // The worker owns what was written.
    const part = Buffer.from(body.subarray(at, at + BODY_PART))
    if (!to.write(part)) await recorder.drained.promise
  }
  to.end()
}

export function call(worker: Worker, options: CallOptions = {}): Promise<Answer> {
  return open(worker, options).done
}

/** The pid of its parent. */
export function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
}
