/** A worker whose process the launcher executes. Its use of CPU and memory is measured through /proc. */
import { FunctionError } from '../errors.ts'
import type { ProcessUse } from '../lib/procfs.ts'
import type { ProcessWatch, WatchedProcess } from './process/process-watch.ts'
import {
  endProcess,
  type Launched,
  launch,
  launcherMissing,
  launchFailure,
  readLines,
} from './process/spawn.ts'
import { type LaunchMessage, validateLaunchMessage } from './protocol/announcements.ts'
import { connectFd } from './protocol/connect-fd.ts'
import { workerSocket } from './protocol/worker-socket.ts'
import { type Sandbox, type SandboxSettings, validateLayers } from './sandbox/sandbox.ts'
import type { Announcement } from './session/message-reader.ts'
import { ProtocolWorker } from './session/protocol-worker.ts'
import type { WorkerContext } from './session/worker-context.ts'
import type { WorkerEvents, WorkerSpec } from './worker.ts'

/** What every worker needs that the launcher executes. */
export interface ExecOptions {
  launcherPath: string
  sandboxUid: number | undefined
  emptyDir: string
  sandbox: SandboxSettings
  processWatch: ProcessWatch
}

/** What the launcher executes for one worker. */
export interface LaunchPlan {
  flags: string[]
  program: string[]
}

export abstract class ExecWorker
  extends ProtocolWorker<LaunchMessage & Announcement>
  implements WatchedProcess
{
  pid: number | undefined
  protected cpuMs = 0
  /** CPU time of the whole process, ms. Beyond it, the worker is killed. Between requests it grows, for background work. */
  protected maxCpuMs: number
  #allowedAt = performance.now()
  readonly #options: ExecOptions
  readonly #sandbox: Sandbox
  #launched: Launched | undefined
  #running = true
  #layers: readonly string[] = []
  readonly #gone = Promise.withResolvers<void>()

  constructor(
    id: number,
    spec: WorkerSpec,
    events: WorkerEvents,
    context: WorkerContext,
    options: ExecOptions,
    sandbox: Sandbox,
  ) {
    super(id, spec, events, context)
    this.#options = options
    this.#sandbox = sandbox
    this.maxCpuMs = context.loadCpuMs
    // Later, because the owner must have the worker before it is notified of a failure.
    queueMicrotask(() => void this.#open())
  }

  get layers(): readonly string[] {
    return this.#layers.length === 0 ? [] : [...this.#layers, this.context.resources.layerOf(this)]
  }

  protected abstract plan(): Promise<LaunchPlan>
  /** The layers that the program applies to itself before it reads a byte of the tenant. */
  protected abstract ownLayers(): readonly string[]

  /** Resolves when the process is gone, or when there never was one. */
  get processGone(): Promise<void> {
    return this.#gone.promise
  }

  /** Enforces the CPU time limit. */
  used(use: ProcessUse): void {
    this.cpuMs = use.cpuMs
    const grownMs =
      (performance.now() - this.#allowedAt) * (this.context.backgroundCpuPercent / 100)
    const between = this.state !== 'starting' && this.inFlight === 0
    if (use.cpuMs <= this.maxCpuMs + (between ? grownMs : 0)) return
    const error = new FunctionError(
      'CPU_LIMIT',
      'The worker was killed: the function used more CPU time than its limit (maxCpu). Do less work in one request, or raise the limit.',
    )
    this.endFor(error, this.invocationTable.overCpu(performance.now()))
  }

  override validateAnnouncement(value: unknown): LaunchMessage {
    return validateLaunchMessage(value)
  }

  override announced(message: LaunchMessage): void {
    if (message.type === 'launch-failed') {
      this.kill(launchFailure(message.what, message.errno))
      return
    }
    this.pid = message.pid
    this.#layers = [...message.layers, ...this.ownLayers()]
    try {
      validateLayers(this.#sandbox, this.#layers, this.#options.sandbox)
    } catch (error) {
      this.kill(error as FunctionError)
      return
    }
    this.context.resources.placeNow(this, this.spec, message.pid)
    this.#options.processWatch.add(this)
    this.beginLoading()
    this.sendStart(1)
  }

  protected override terminate(): void {
    this.#options.processWatch.delete(this)
    if (this.#running && this.#launched) endProcess(this.#launched, this.pid)
  }

  /** The process may use `cpuMs` more from now on. */
  protected allow(cpuMs: number): void {
    this.maxCpuMs = this.cpuMs + cpuMs
    this.#allowedAt = performance.now()
  }

  async #open(): Promise<void> {
    try {
      const plan = await this.plan()
      if (this.state === 'gone') {
        this.#gone.resolve()
        return
      }
      const launched = this.#launch(plan)
      this.#launched = launched
      // What is printed past `console`: messages of the engine, or the output of a child process.
      const print = (line: string) => this.logs.pass(undefined, 'info', line, performance.now())
      void readLines(launched.process.stdout, print)
      void readLines(launched.process.stderr, print)
      this.attach(await connectFd(launched.channelFd, this, workerSocket))
    } catch (cause) {
      if (this.#launched === undefined) this.#gone.resolve()
      this.kill(cause instanceof FunctionError ? cause : launcherMissing(cause))
    }
  }

  #launch({ flags, program }: LaunchPlan): Launched {
    const { launcherPath, sandboxUid, emptyDir } = this.#options
    return launch({
      launcherPath,
      sandboxUid,
      cwd: emptyDir,
      flags: [...this.#sandbox.launcherFlags, ...flags],
      program,
      onExit: (status, signal, cpuUs) => {
        this.#running = false
        this.#gone.resolve()
        this.processEnded({ status, signal, cpu: false, cpuUs })
      },
    })
  }
}
