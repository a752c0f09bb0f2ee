/** A worker that is a Bun process of its own: this executable again, as bun, with the runner in it. */
import { FunctionError } from '../errors.ts'
import { runnerSource } from './bun-runner/source.ts' with { type: 'macro' }
import { CpuAllowance } from './cpu-allowance.ts'
import type { Announcement } from './inbox.ts'
import {
  checkLaunchMessage,
  endProcess,
  type Launched,
  type LaunchMessage,
  launch,
  readLines,
} from './launch.ts'
import type { ProcessUse, ProcessWatch, WatchedProcess } from './process-watch.ts'
import { ProtocolWorker } from './protocol-worker.ts'
import type { WorkerServices } from './services.ts'
import { connectFd } from './sockets.ts'
import { cpuLifeMs } from './start-message.ts'
import type { WorkerEvents, WorkerSpec } from './worker.ts'
import { workerSocket } from './worker-socket.ts'

const RUNNER = runnerSource()
/** Descriptors that Bun itself holds; a tenant's limit counts beyond them. */
const OWN_DESCRIPTORS = 32
/** Bun's helper threads burn a little without being asked to. */
const CPU_SLACK_MS = 500
/** With nothing in flight, it may burn the slack once in so long. */
const IDLE_RENEW_MS = 10_000

/** Where the parts of a Bun worker lie. */
export interface BunWorkerParts {
  launcherPath: string
  executablePath: string
  sandboxUid: number | undefined
  emptyDir: string
  pidNamespace: 'required' | 'preferred' | 'off'
  processWatch: ProcessWatch
}

export class BunWorker
  extends ProtocolWorker<LaunchMessage & Announcement>
  implements WatchedProcess
{
  readonly runtime = 'bun'
  pid: number | undefined
  layers: readonly string[] = []
  protected readonly cpu = new CpuAllowance(CPU_SLACK_MS, 0, (ms) => this.#allow(ms))
  readonly #parts: BunWorkerParts
  #launched: Launched | undefined
  #running = true
  readonly #gone = Promise.withResolvers<void>()
  #cpuMs = 0
  #maxCpuMs: number
  #idleSince = 0

  constructor(
    id: number,
    spec: WorkerSpec,
    events: WorkerEvents,
    services: WorkerServices,
    parts: BunWorkerParts,
  ) {
    super(id, spec, events, services)
    this.#parts = parts
    this.#maxCpuMs = services.loadCpuMs
    // Not now: how it fails must not be told before its owner has it.
    queueMicrotask(() => void this.#open())
  }

  /** Resolves when its process is gone, or when there never was one. */
  get processGone(): Promise<void> {
    return this.#gone.promise
  }

  /** Judges what the process used of memory and CPU time. */
  used(use: ProcessUse): void {
    this.#cpuMs = use.cpuMs
    const { maxMemory } = this.spec.capabilities
    if (use.residentBytes > maxMemory) {
      const error = new FunctionError('MEMORY_LIMIT', 'the function used more memory than it may')
      this.endFor(error, this.flying.newest())
    } else if (use.cpuMs > this.#maxCpuMs) {
      const error = new FunctionError('CPU_LIMIT', 'the function used more CPU time than it may')
      this.endFor(error, this.flying.overCpu(performance.now()))
    } else if (this.inFlight > 0) {
      this.#idleSince = performance.now()
    } else if (performance.now() - this.#idleSince > IDLE_RENEW_MS) {
      this.#idleSince = performance.now()
      if (this.state === 'ready') this.#allow(CPU_SLACK_MS)
    }
  }

  override checkAnnouncement(value: unknown): LaunchMessage {
    return checkLaunchMessage(value)
  }

  override announced(message: LaunchMessage): void {
    if (message.type === 'launch-failed') {
      const why = `the launcher failed: ${message.what} (${message.errno})`
      this.kill(new FunctionError('SANDBOX_UNAVAILABLE', why))
      return
    }
    this.pid = message.pid
    this.layers = message.layers
    this.#parts.processWatch.add(this)
    this.beginLoading()
    this.sendStart(1)
  }

  protected override terminate(): void {
    this.#parts.processWatch.delete(this)
    if (this.#running && this.#launched) endProcess(this.#launched, this.pid)
  }

  async #open(): Promise<void> {
    if (this.state === 'gone') {
      this.#gone.resolve()
      return
    }
    try {
      const launched = this.#launch()
      this.#launched = launched
      // What the process prints past its console: Bun's own words, or a child's of its.
      const print = (line: string) => this.logs.pass(undefined, 'info', line, performance.now())
      void readLines(launched.process.stdout, print)
      void readLines(launched.process.stderr, print)
      this.attach(await connectFd(launched.channelFd, this, workerSocket))
    } catch (cause) {
      const error = new FunctionError('WORKER_START_FAILED', 'the launcher does not start', {
        cause,
      })
      if (this.#launched === undefined) this.#gone.resolve()
      this.kill(error)
    }
  }

  #launch(): Launched {
    const { launcherPath, sandboxUid, executablePath, emptyDir, pidNamespace } = this.#parts
    const { maxCpu, maxFileDescriptors } = this.spec.capabilities
    return launch({
      launcherPath,
      sandboxUid,
      cwd: emptyDir,
      // No limit on address space, data or processes: Bun needs much of the first and threads.
      flags: [
        ...['--nofile', `${maxFileDescriptors + OWN_DESCRIPTORS}`],
        ...['--cpu', `${Math.ceil(cpuLifeMs(maxCpu) / 1000)}`],
        ...['--env', 'BUN_BE_BUN=1'],
        ...['--pid-namespace', pidNamespace],
      ],
      program: [executablePath, '--no-env-file', '--config=/dev/null', '-e', RUNNER],
      onExit: (status, signal) => {
        this.#running = false
        this.#gone.resolve()
        this.processEnded({ status, signal, cpu: false, cpuUs: this.#cpuMs * 1000 })
      },
    })
  }

  #allow(cpuMs: number): void {
    this.#maxCpuMs = this.#cpuMs + cpuMs
  }
}
