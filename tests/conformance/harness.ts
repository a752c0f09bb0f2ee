/** Starts real workers of both runtimes and calls them through the one border, the Worker interface. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import type { FunctionError } from '../../src/errors.ts'
import { createWorkerLauncher, type WorkerLauncherOptions } from '../../src/worker/launcher.ts'
import type {
  HeaderList,
  Invocation,
  InvocationSink,
  Runtime,
  Worker,
  WorkerLauncher,
  WorkerLog,
  WorkerSpec,
} from '../../src/worker/worker.ts'

const BIN = join(import.meta.dir, '../../.build/bin')
const WORKER = process.env.FUNCTIONS_TEST_WORKER ?? join(BIN, 'quickjs-worker')
const LAUNCHER = process.env.FUNCTIONS_TEST_LAUNCHER ?? join(BIN, 'functions-launcher')
const MB = 1024 * 1024

export const RUNTIMES: Runtime[] = ['quickjs-ng', 'bun']

export interface Bench {
  launcher: WorkerLauncher
  close(): Promise<void>
}

/** A launcher over a run directory of its own. */
export function openLauncher(overrides: Partial<WorkerLauncherOptions> = {}): Bench {
  const runDir = mkdtempSync(join(tmpdir(), 'functions-conformance-'))
  const launcher = createWorkerLauncher({
    launcherPath: LAUNCHER,
    workerPath: WORKER,
    executablePath: process.execPath,
    runDir,
    sandboxUid: process.getuid?.() === 0 ? 65534 : undefined,
    log: (level, message) => console.error(`${level}: ${message}`),
    ...overrides,
  })
  return {
    launcher,
    close: async () => {
      await launcher.close()
      rmSync(runDir, { recursive: true, force: true })
    },
  }
}

export interface SpecOverrides {
  handler?: string
  env?: Record<string, string>
  capabilities?: Partial<Capabilities>
  mapStack?: (stack: string) => string
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
  }
}

/** A worker and what it told its owner so far. */
export interface Started {
  worker: Worker
  ready: Promise<number>
  exit: Promise<FunctionError | undefined>
  logs: WorkerLog[]
  silences: boolean[]
  retirements: string[]
}

export function begin(launcher: WorkerLauncher, spec: WorkerSpec): Started {
  const ready = Promise.withResolvers<number>()
  const exit = Promise.withResolvers<FunctionError | undefined>()
  ready.promise.catch(() => {})
  const logs: WorkerLog[] = []
  const silences: boolean[] = []
  const retirements: string[] = []
  const worker = launcher.start(spec, {
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
  launcher: WorkerLauncher,
  runtime: Runtime,
  source: string,
  overrides: SpecOverrides = {},
): Promise<Started> {
  const started = begin(launcher, makeSpec(runtime, source, overrides))
  await started.ready
  return started
}

export interface CallOptions {
  method?: string
  url?: string
  headers?: HeaderList
  body?: Uint8Array | string
  deadlineMs?: number
  cpuMs?: number
  /** Takes the response body no further than its first so many bytes, until `resume`. */
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
  /** The head or the failure is there. */
  answered: Promise<void>
  done: Promise<Answer>
  received: () => number
  resume: () => void
  bodyUnwanted: Promise<void>
}

const BODY_PART = 256 * 1024

/** One invocation, its body written as fast as the worker takes it. */
export function open(worker: Worker, options: CallOptions = {}): Call {
  const begun = performance.now()
  const parts: Buffer[] = []
  const answered = Promise.withResolvers<void>()
  const done = Promise.withResolvers<Answer>()
  const unwanted = Promise.withResolvers<void>()
  let drained = Promise.withResolvers<void>()
  let received = 0
  let held = 0
  let pauseAfter = options.pauseAfter ?? Number.POSITIVE_INFINITY
  const answer: Answer = {
    ...{ status: 0, headers: [], body: Buffer.alloc(0), error: undefined },
    ...{ cpuUs: 0, unsent: false, answeredAfter: 0, doneAfter: 0 },
  }
  const take = (bytes: Uint8Array) => {
    received += bytes.length
    parts.push(Buffer.from(bytes))
    if (received > pauseAfter) held += bytes.length
    else invocation.credit(bytes.length)
  }
  const settle = () => {
    answer.answeredAfter = performance.now() - begun
    answered.resolve()
  }
  const sink: InvocationSink = {
    response(head) {
      answer.status = head.status
      answer.headers = head.headers
      if (head.body !== undefined) take(head.body)
      settle()
    },
    chunk: take,
    end() {},
    drain: () => drained.resolve(),
    bodyUnwanted: () => {
      unwanted.resolve()
      drained.resolve()
    },
    fail(error) {
      answer.error = error
      settle()
    },
    done({ cpuUs, unsent }) {
      answer.doneAfter = performance.now() - begun
      done.resolve({ ...answer, cpuUs, unsent, body: Buffer.concat(parts) })
    },
  }
  const body = typeof options.body === 'string' ? Buffer.from(options.body) : options.body
  const small = body === undefined || body.length <= 65536
  const invocation = worker.invoke(
    {
      method: options.method ?? 'GET',
      url: options.url ?? 'http://probe.test/',
      headers: options.headers ?? [],
      deadline: begun + (options.deadlineMs ?? 10_000),
      cpuMs: options.cpuMs ?? 5000,
      body: small ? body : undefined,
      end: small,
    },
    sink,
  )
  if (!small) {
    void (async () => {
      for (let at = 0; at < body.length; at += BODY_PART) {
        drained = Promise.withResolvers<void>()
        if (!invocation.write(body.subarray(at, at + BODY_PART))) await drained.promise
      }
      invocation.end()
    })()
  }
  return {
    invocation,
    answered: answered.promise,
    done: done.promise,
    received: () => received,
    resume: () => {
      pauseAfter = Number.POSITIVE_INFINITY
      invocation.credit(held)
      held = 0
    },
    bodyUnwanted: unwanted.promise,
  }
}

export function call(worker: Worker, options: CallOptions = {}): Promise<Answer> {
  return open(worker, options).done
}

/** Waits until `condition` holds; fails with `what` where it does not within 5 s. */
export async function until(
  what: string,
  condition: () => boolean,
  withinMs = 5000,
): Promise<void> {
  const end = performance.now() + withinMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await Bun.sleep(5)
  }
}
