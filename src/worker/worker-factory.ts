/** Makes workers of both runtimes and owns every process behind them. */
import { mkdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { namedProfile } from '../capabilities/profiles.ts'
import type { Egress } from '../egress/egress.ts'
import { FunctionError } from '../errors.ts'
import { Ticker } from '../lib/ticker.ts'
import { BunWorker } from './bun-worker.ts'
import type { LaunchParts } from './exec-worker.ts'
import { findProgram } from './process/bun-program.ts'
import { OomKills } from './process/oom-kills.ts'
import { ProcessWatch } from './process/process-watch.ts'
import { Template } from './process/zygote.ts'
import { type ProcessParts, QuickJSProcess } from './quickjs-exec.ts'
import { QuickJSWorker } from './quickjs-forked.ts'
import type { Cgroups } from './sandbox/cgroups.ts'
import { Shares } from './sandbox/resource-control.ts'
import {
  type NamespaceMode,
  type Program,
  quickjsSandbox,
  type Sandbox,
  type SandboxSettings,
} from './sandbox/sandbox.ts'
import type { WorkerServices } from './session/worker-context.ts'
import type { LogLevel, Worker, WorkerEvents, WorkerLauncher, WorkerSpec } from './worker.ts'

/** What the template that is always there is for. */
const NOTHING_ALLOWED = namedProfile('strict', 'default')

const DEFAULT_PROCESS_START_MS = 30_000
const DEFAULT_LOAD_MS = 10_000
const DEFAULT_LOAD_CPU_MS = 5_000
/** How often workers that have something to watch are looked at, and so how late it is noticed, ms. */
const WATCH_INTERVAL_MS = 10

export interface WorkerLauncherOptions {
  /** The binaries: functions-launcher, quickjs-worker, and this executable itself (for bun). */
  launcherPath: string
  workerPath: string
  executablePath: string
  /** A directory of ours (0700 is enough) for sockets; made where it is missing. */
  runDir: string
  /** The unprivileged user that processes become; undefined where the service is no root. */
  sandboxUid: number | undefined
  /** `fork` unless set: how quickjs workers come to be. */
  start?: 'fork' | 'exec'
  /** `preferred` unless set: without a pid namespace, workers die by PDEATHSIG. */
  namespaces?: NamespaceMode
  /** Run workers also without layers that their profile requires. */
  allowDegraded?: boolean
  /** Files and folders of the service's own, which no worker may see. */
  covered?: readonly string[]
  /** The broker of outbound requests; closing it stays its owner's. */
  egress: Egress
  /** The subtree that is ours; without one, workers are niced. */
  cgroups?: Cgroups | undefined
  /** For the operator's log. */
  log: (level: LogLevel, message: string) => void
  /** From the start of a process until it takes a bundle, ms. */
  processStartMs?: number
  /** Wall and CPU time that a bundle has to load, ms. */
  loadMs?: number
  loadCpuMs?: number
}

/**
 * @example
 * const launcher = createWorkerLauncher({ launcherPath, workerPath, executablePath, runDir,
 *   sandboxUid: 65534, log: (level, message) => console.error(level, message) })
 * await launcher.warm()
 * const worker = launcher.start(spec, events)
 */
export function createWorkerLauncher(options: WorkerLauncherOptions): WorkerLauncher {
  const emptyDir = `${options.runDir}/empty`
  mkdirSync(emptyDir, { recursive: true, mode: 0o700 })
  const shares = new Shares(options.log, options.cgroups)
  const services: WorkerServices = {
    shareOf: (worker) => shares.layerOf(worker),
    ticker: new Ticker(WATCH_INTERVAL_MS),
    oomKills: new OomKills(),
    egress: options.egress,
    log: options.log,
    processStartMs: options.processStartMs ?? DEFAULT_PROCESS_START_MS,
    loadMs: options.loadMs ?? DEFAULT_LOAD_MS,
    loadCpuMs: options.loadCpuMs ?? DEFAULT_LOAD_CPU_MS,
  }
  return new Workers(services, options, emptyDir, shares)
}

class Workers implements WorkerLauncher {
  readonly #services: WorkerServices
  readonly #options: WorkerLauncherOptions
  readonly #settings: SandboxSettings
  readonly #emptyDir: string
  readonly #sealed: Template
  /** By the key of their sandbox. */
  readonly #templates = new Map<string, Template>()
  readonly #launchParts: LaunchParts
  readonly #processParts: ProcessParts
  #program: Program | undefined
  readonly #shares: Shares
  readonly #live = new Set<Worker>()
  /** Launched processes that are not gone yet, also those whose worker is. */
  readonly #processes = new Set<Promise<void>>()
  #lastId = 0
  #closed = false

  constructor(
    services: WorkerServices,
    options: WorkerLauncherOptions,
    emptyDir: string,
    shares: Shares,
  ) {
    this.#shares = shares
    this.#services = services
    this.#options = options
    this.#emptyDir = emptyDir
    const { namespaces = 'preferred', allowDegraded = false, covered = [] } = options
    this.#settings = { namespaces, allowDegraded, covered: realPaths(covered) }
    this.#sealed = this.#template(quickjsSandbox(NOTHING_ALLOWED, this.#settings))
    const { launcherPath, sandboxUid, workerPath } = options
    const processWatch = new ProcessWatch()
    this.#launchParts = {
      ...{ launcherPath, sandboxUid, emptyDir, sandbox: this.#settings, processWatch },
    }
    this.#processParts = { ...this.#launchParts, workerPath, sealed: this.#sealed }
  }

  start(spec: WorkerSpec, events: WorkerEvents): Worker {
    if (this.#closed) throw new FunctionError('SHUTTING_DOWN', 'the service stops')
    this.#lastId++
    const id = this.#lastId
    const watched: WorkerEvents = {
      ready: (initUs) => {
        this.#shares.place(worker, spec)
        events.ready(initUs)
      },
      log: (entry) => events.log(entry),
      silent: (silent) => events.silent(silent),
      retire: (reason) => events.retire(reason),
      exit: (error) => {
        this.#live.delete(worker)
        this.#shares.remove(worker, spec)
        events.exit(error)
      },
    }
    const worker = this.#start(id, spec, watched)
    this.#live.add(worker)
    return worker
  }

  #start(id: number, spec: WorkerSpec, events: WorkerEvents): Worker {
    const services = this.#services
    if (spec.runtime === 'bun') {
      const worker = new BunWorker(id, spec, events, services, this.#launchParts, this.#bun())
      return this.#follow(worker)
    }
    const sandbox = quickjsSandbox(spec.capabilities, this.#settings)
    if (sandbox.ownProcess || this.#options.start === 'exec') {
      const worker = new QuickJSProcess(id, spec, events, services, this.#processParts, sandbox)
      return this.#follow(worker)
    }
    return new QuickJSWorker(id, spec, events, services, this.#template(sandbox))
  }

  /** Our own executable, found when the first Bun worker needs it. */
  #bun(): Program {
    if (this.#program !== undefined) return this.#program
    const { executablePath } = this.#options
    try {
      this.#program = findProgram(executablePath)
    } catch (error) {
      this.#services.log('error', `Bun workers: ${(error as Error).message}`)
      this.#program = { path: executablePath, libraries: [] }
    }
    return this.#program
  }

  #follow<T extends Worker & { processGone: Promise<void> }>(worker: T): T {
    const gone = worker.processGone.then(() => void this.#processes.delete(gone))
    this.#processes.add(gone)
    return worker
  }

  /** The one that workers of this sandbox are forked off; made when it is first asked for. */
  #template(sandbox: Sandbox): Template {
    let template = this.#templates.get(sandbox.key)
    if (template === undefined) {
      const count = this.#templates.size
      const name = sandbox.kind === 'sealed' ? sandbox.kind : `${sandbox.kind}${count}`
      const { launcherPath, workerPath, sandboxUid, runDir } = this.#options
      const parts = {
        ...{ launcherPath, workerPath, sandboxUid, runDir },
        ...{ emptyDir: this.#emptyDir, sandbox, settings: this.#settings },
      }
      template = new Template(name, parts, this.#services.log)
      this.#templates.set(sandbox.key, template)
    }
    return template
  }

  warm(): Promise<void> {
    return this.#sealed.warm()
  }

  async close(): Promise<void> {
    this.#closed = true
    const error = new FunctionError('SHUTTING_DOWN', 'the service stops')
    for (const worker of this.#live) worker.kill(error)
    this.#services.ticker.close()
    const templates = [...this.#templates.values()].map((template) => template.close())
    await Promise.all([...templates, ...this.#processes])
  }
}

/** Without symbolic links, as mounts want them; the last name may not be there yet. */
function realPaths(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const folder = realPath(dirname(resolve(path)))
    return realPath(path) ?? (folder === undefined ? [] : join(folder, basename(path)))
  })
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
