/** Makes workers of both runtimes and owns every process behind them. */
import { mkdirSync } from 'node:fs'
import type { Egress } from '../egress/egress.ts'
import { FunctionError } from '../errors.ts'
import { BunWorker, type BunWorkerParts } from './bun-worker.ts'
import type { LogLevel } from './messages.ts'
import { OomKills } from './oom-kills.ts'
import { ProcessWatch } from './process-watch.ts'
import { QuickJSWorker } from './quickjs-worker.ts'
import type { WorkerServices } from './services.ts'
import { Sweeper } from './sweeper.ts'
import { Template } from './template.ts'
import type { TemplateParts } from './template-process.ts'
import type { Worker, WorkerEvents, WorkerLauncher, WorkerSpec } from './worker.ts'

const DEFAULT_PROCESS_START_MS = 30_000
const DEFAULT_LOAD_MS = 10_000
const DEFAULT_LOAD_CPU_MS = 5_000

export interface WorkerLauncherOptions {
  /** The binaries: functions-launcher, quickjs-worker, and this executable itself (for bun). */
  launcherPath: string
  workerPath: string
  executablePath: string
  /** A directory of ours (0700 is enough) for sockets; made where it is missing. */
  runDir: string
  /** The unprivileged user that processes become; undefined where the service is no root. */
  sandboxUid: number | undefined
  /** `preferred` unless set: without a pid namespace, workers die by PDEATHSIG. */
  pidNamespace?: 'required' | 'preferred' | 'off'
  /** The broker of outbound requests; closing it stays its owner's. */
  egress: Egress
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
  const services: WorkerServices = {
    sweeper: new Sweeper(),
    oomKills: new OomKills(),
    egress: options.egress,
    log: options.log,
    processStartMs: options.processStartMs ?? DEFAULT_PROCESS_START_MS,
    loadMs: options.loadMs ?? DEFAULT_LOAD_MS,
    loadCpuMs: options.loadCpuMs ?? DEFAULT_LOAD_CPU_MS,
  }
  const { launcherPath, workerPath, executablePath, runDir, sandboxUid } = options
  const pidNamespace = options.pidNamespace ?? 'preferred'
  const processWatch = new ProcessWatch()
  const template: TemplateParts = {
    ...{ launcherPath, workerPath, sandboxUid, runDir, emptyDir, pidNamespace },
  }
  const bun: BunWorkerParts = {
    ...{ launcherPath, executablePath, sandboxUid, emptyDir, pidNamespace, processWatch },
  }
  // One kind of sandbox so far: the ones by paths and the open one will be templates beside it.
  const sealed = new Template('sealed', template, services)
  return new Workers(services, sealed, bun)
}

class Workers implements WorkerLauncher {
  readonly #services: WorkerServices
  readonly #sealed: Template
  readonly #bun: BunWorkerParts
  readonly #live = new Set<Worker>()
  /** Bun processes that are not gone yet, also those whose worker is. */
  readonly #processes = new Set<Promise<void>>()
  #lastId = 0
  #closed = false

  constructor(services: WorkerServices, sealed: Template, bun: BunWorkerParts) {
    this.#services = services
    this.#sealed = sealed
    this.#bun = bun
  }

  start(spec: WorkerSpec, events: WorkerEvents): Worker {
    if (this.#closed) throw new FunctionError('SHUTTING_DOWN', 'the service stops')
    this.#lastId++
    const id = this.#lastId
    const watched: WorkerEvents = {
      ready: (initUs) => events.ready(initUs),
      log: (entry) => events.log(entry),
      silent: (silent) => events.silent(silent),
      retire: (reason) => events.retire(reason),
      exit: (error) => {
        this.#live.delete(worker)
        events.exit(error)
      },
    }
    const worker: Worker =
      spec.runtime === 'bun'
        ? this.#startBun(id, spec, watched)
        : new QuickJSWorker(id, spec, watched, this.#services, this.#sealed)
    this.#live.add(worker)
    return worker
  }

  #startBun(id: number, spec: WorkerSpec, events: WorkerEvents): Worker {
    const worker = new BunWorker(id, spec, events, this.#services, this.#bun)
    const gone = worker.processGone.then(() => void this.#processes.delete(gone))
    this.#processes.add(gone)
    return worker
  }

  warm(): Promise<void> {
    return this.#sealed.warm()
  }

  async close(): Promise<void> {
    this.#closed = true
    const error = new FunctionError('SHUTTING_DOWN', 'the service stops')
    for (const worker of this.#live) worker.kill(error)
    this.#services.sweeper.close()
    await Promise.all([this.#sealed.close(), ...this.#processes])
  }
}
