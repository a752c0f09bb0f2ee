/** Makes workers of both runtimes, and owns every process of them. */
import { mkdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { namedProfile } from '../capabilities/profiles.ts'
import type { Egress } from '../egress/egress.ts'
import { FunctionError } from '../errors.ts'
import { Ticker } from '../lib/ticker.ts'
import { BunWorker } from './bun-worker.ts'
import type { ExecOptions } from './exec-worker.ts'
import { findProgram } from './process/bun-program.ts'
import { ProcessWatch } from './process/process-watch.ts'
import { Zygote } from './process/zygote.ts'
import { type ExecQuickJSOptions, ExecQuickJSWorker } from './quickjs-exec.ts'
import { ForkedQuickJSWorker } from './quickjs-forked.ts'
import type { Cgroups } from './sandbox/cgroups.ts'
import { ResourceControl } from './sandbox/resource-control.ts'
import {
  type NamespaceMode,
  type Program,
  quickjsSandbox,
  type Sandbox,
  type SandboxSettings,
} from './sandbox/sandbox.ts'
import type { WorkerContext } from './session/worker-context.ts'
import type { LogLevel, Worker, WorkerEvents, WorkerFactory, WorkerSpec } from './worker.ts'

/** The capabilities of the workers whose zygote always runs. */
const NOTHING_ALLOWED = namedProfile('strict', 'default')

const DEFAULT_PROCESS_START_MS = 30_000
const DEFAULT_LOAD_MS = 10_000
const DEFAULT_LOAD_CPU_MS = 5_000
const DEFAULT_BACKGROUND_MS = 30_000
const DEFAULT_BACKGROUND_CPU_PERCENT = 10
/** How often workers with work or a deadline are checked, ms. An event is noticed this late. */
const WATCH_INTERVAL_MS = 10

export interface WorkerFactoryOptions {
  /** The binaries: functions-launcher, quickjs-worker, and this executable itself (for bun). */
  launcherPath: string
  workerPath: string
  /** The path is asked for at each start of a Bun worker: an upgrade renames the file. */
  executablePath: () => string
  /** A directory for sockets (mode 0700 is enough). It is created if it is missing. */
  runDir: string
  /** The unprivileged user that processes become; undefined if the service does not run as root. */
  sandboxUid: number | undefined
  /** How quickjs-ng workers are made. The default is `fork`. */
  start?: 'fork' | 'exec'
  /** The default is `preferred`: without a pid namespace, workers are ended by PDEATHSIG. */
  namespaces?: NamespaceMode
  /** Run workers even without layers that their profile requires. */
  allowDegraded?: boolean
  /** Files and directories of the service, which no worker may see. */
  covered?: readonly string[]
  /** The broker of outbound requests. The factory does not close it. */
  egress: Egress
  /** The delegated cgroup subtree. Without one, workers are limited by their nice value. */
  cgroups?: Cgroups | undefined
  /** Writes to the service log. */
  log: (level: LogLevel, message: string) => void
  /** From the start of a process until it reads its bundle, ms. */
  processStartMs?: number
  /** Wall and CPU time that a bundle has to load, ms. */
  loadMs?: number
  loadCpuMs?: number
  /** From the end of a worker's last request to the pause of its background work, ms. */
  backgroundMs?: number
  /** Of a core, for the background work of a worker. */
  backgroundCpuPercent?: number
}

/**
 * Makes the factory of a service. It starts no process before `warm` or `start`.
 *
 * @example
 * const factory = createWorkerFactory({
 *   launcherPath: '/usr/lib/functions/functions-launcher',
 *   workerPath: '/usr/lib/functions/quickjs-worker',
 *   executablePath: () => process.execPath,
 *   runDir: '/run/functions',
 *   sandboxUid: 65534,
 *   egress,
 *   log: (level, message) => serviceLog.warn(message, { level }),
 * })
 * await factory.warm()
 * const worker = factory.start(spec, events)
 */
export function createWorkerFactory(options: WorkerFactoryOptions): WorkerFactory {
  const emptyDir = `${options.runDir}/empty`
  mkdirSync(emptyDir, { recursive: true, mode: 0o700 })
  const resources = new ResourceControl(options.log, options.cgroups)
  const context: WorkerContext = {
    resources,
    ticker: new Ticker(WATCH_INTERVAL_MS),
    egress: options.egress,
    log: options.log,
    processStartMs: options.processStartMs ?? DEFAULT_PROCESS_START_MS,
    loadMs: options.loadMs ?? DEFAULT_LOAD_MS,
    loadCpuMs: options.loadCpuMs ?? DEFAULT_LOAD_CPU_MS,
    backgroundMs: options.backgroundMs ?? DEFAULT_BACKGROUND_MS,
    backgroundCpuPercent: options.backgroundCpuPercent ?? DEFAULT_BACKGROUND_CPU_PERCENT,
  }
  return new Factory(context, options, emptyDir)
}

class Factory implements WorkerFactory {
  readonly #context: WorkerContext
  readonly #options: WorkerFactoryOptions
  readonly #settings: SandboxSettings
  readonly #emptyDir: string
  readonly #sealed: Zygote
  /** By the key of their sandbox. */
  readonly #zygotes = new Map<string, Zygote>()
  readonly #execOptions: ExecOptions
  readonly #execQuickJSOptions: ExecQuickJSOptions
  #program: Program | undefined
  readonly #live = new Set<Worker>()
  /** Launched processes that have not exited yet, even if their worker has ended. */
  readonly #processes = new Set<Promise<void>>()
  #lastId = 0
  #closed = false

  constructor(context: WorkerContext, options: WorkerFactoryOptions, emptyDir: string) {
    this.#context = context
    this.#options = options
    this.#emptyDir = emptyDir
    const { namespaces = 'preferred', allowDegraded = false, covered = [] } = options
    this.#settings = { namespaces, allowDegraded, covered: realPaths(covered) }
    this.#sealed = this.#zygoteFor(quickjsSandbox(NOTHING_ALLOWED, this.#settings))
    const { launcherPath, sandboxUid, workerPath } = options
    const processWatch = new ProcessWatch()
    this.#execOptions = {
      launcherPath,
      sandboxUid,
      emptyDir,
      sandbox: this.#settings,
      processWatch,
    }
    this.#execQuickJSOptions = { ...this.#execOptions, workerPath, zygote: this.#sealed }
  }

  start(spec: WorkerSpec, events: WorkerEvents): Worker {
    if (this.#closed) throw new FunctionError('SHUTTING_DOWN', 'The service is shutting down.')
    this.#lastId++
    const id = this.#lastId
    const watched: WorkerEvents = {
      ready: (initUs) => {
        this.#context.resources.place(worker, spec)
        events.ready(initUs)
      },
      log: (entry) => events.log(entry),
      silent: (silent) => events.silent(silent),
      retire: (reason) => events.retire(reason),
      exit: (error) => {
        this.#live.delete(worker)
        this.#context.resources.remove(worker, spec)
        events.exit(error)
      },
    }
    const worker = this.#start(id, spec, watched)
    this.#live.add(worker)
    return worker
  }

  #start(id: number, spec: WorkerSpec, events: WorkerEvents): Worker {
    const context = this.#context
    if (spec.runtime === 'bun') {
      const worker = new BunWorker(id, spec, events, context, this.#execOptions, this.#bun())
      return this.#follow(worker)
    }
    const sandbox = quickjsSandbox(spec.capabilities, this.#settings)
    if (sandbox.ownProcess || this.#options.start === 'exec') {
      const worker = new ExecQuickJSWorker(
        id,
        spec,
        events,
        context,
        this.#execQuickJSOptions,
        sandbox,
      )
      return this.#follow(worker)
    }
    return new ForkedQuickJSWorker(id, spec, events, context, this.#zygoteFor(sandbox))
  }

  /** This executable, found when the first Bun worker needs it, and again when it was renamed. */
  #bun(): Program {
    const executablePath = this.#options.executablePath()
    if (this.#program?.path === executablePath) return this.#program
    try {
      this.#program = findProgram(executablePath)
    } catch (error) {
      this.#context.log('error', `Bun workers may not start: ${(error as Error).message}`)
      this.#program = { path: executablePath, libraries: [] }
    }
    return this.#program
  }

  #follow<T extends Worker & { processGone: Promise<void> }>(worker: T): T {
    const gone = worker.processGone.then(() => void this.#processes.delete(gone))
    this.#processes.add(gone)
    return worker
  }

  /** The zygote for workers of this sandbox, made when it is first needed. */
  #zygoteFor(sandbox: Sandbox): Zygote {
    let zygote = this.#zygotes.get(sandbox.key)
    if (zygote === undefined) {
      const count = this.#zygotes.size
      const name = sandbox.kind === 'sealed' ? sandbox.kind : `${sandbox.kind}${count}`
      const { launcherPath, workerPath, sandboxUid, runDir } = this.#options
      const options = {
        launcherPath,
        workerPath,
        sandboxUid,
        runDir,
        emptyDir: this.#emptyDir,
        sandbox,
        settings: this.#settings,
      }
      zygote = new Zygote(name, options, this.#context.log)
      this.#zygotes.set(sandbox.key, zygote)
    }
    return zygote
  }

  warm(): Promise<void> {
    return this.#sealed.warm()
  }

  async close(): Promise<void> {
    this.#closed = true
    const error = new FunctionError('SHUTTING_DOWN', 'The service is shutting down.')
    for (const worker of this.#live) worker.kill(error)
    this.#context.ticker.close()
    const zygotes = [...this.#zygotes.values()].map((zygote) => zygote.close())
    await Promise.all([...zygotes, ...this.#processes])
  }
}

/** Resolves symbolic links, as mounts need it. The last name of a path may not exist yet. */
function realPaths(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const directory = realPath(dirname(resolve(path)))
    return realPath(path) ?? (directory === undefined ? [] : join(directory, basename(path)))
  })
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
