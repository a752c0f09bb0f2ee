/** A worker that the launcher executes as a process of its own, and that is watched from outside. */
import { FunctionError } from '../errors.ts'
import type { ProcessUse } from '../lib/procfs.ts'
import type { ProcessWatch, WatchedProcess } from './process/process-watch.ts'
import { endProcess, type Launched, launch, launchFailure, readLines } from './process/spawn.ts'
import { checkLaunchMessage, type LaunchMessage } from './protocol/announcements.ts'
import { connectFd } from './protocol/connect-fd.ts'
import { workerSocket } from './protocol/worker-socket.ts'
import { checkLayers, type Sandbox, type SandboxSettings } from './sandbox/sandbox.ts'
import type { Announcement } from './session/message-handler.ts'
import { ProtocolWorker } from './session/protocol-worker.ts'
import type { WorkerServices } from './session/worker-context.ts'
import type { WorkerEvents, WorkerSpec } from './worker.ts'

/** Where the parts of such a worker lie, and how it is launched. */
export interface LaunchParts {
  launcherPath: string
  sandboxUid: number | undefined
  emptyDir: string
  sandbox: SandboxSettings
  processWatch: ProcessWatch
}

/** What the launcher is to execute. */
export interface LaunchPlan {
  flags: string[]
  program: string[]
}

export abstract class LaunchedWorker
  extends ProtocolWorker<LaunchMessage & Announcement>
  implements WatchedProcess
{
  pid: number | undefined
  protected cpuMs = 0
  /** Of its whole life: beyond it, it is ended. */
  protected maxCpuMs: number
  readonly #parts: LaunchParts
  readonly #sandbox: Sandbox
  #launched: Launched | undefined
  #running = true
  #held: readonly string[] = []
  readonly #gone = Promise.withResolvers<void>()

  constructor(
    id: number,
    spec: WorkerSpec,
    events: WorkerEvents,
    services: WorkerServices,
    parts: LaunchParts,
    sandbox: Sandbox,
  ) {
    super(id, spec, events, services)
    this.#parts = parts
    this.#sandbox = sandbox
    this.maxCpuMs = services.loadCpuMs
    // Not now: how it fails must not be told before its owner has it.
    queueMicrotask(() => void this.#open())
  }

  get layers(): readonly string[] {
    return this.#held.length === 0 ? [] : [...this.#held, this.services.shareOf(this)]
  }

  protected abstract plan(): Promise<LaunchPlan>
  /** What the program closes behind itself, before it reads a byte of the tenant's. */
  protected abstract ownLayers(): readonly string[]

  /** Resolves when its process is gone, or when there never was one. */
  get processGone(): Promise<void> {
    return this.#gone.promise
  }

  /** Judges what the process used of CPU time. */
  used(use: ProcessUse): void {
    this.cpuMs = use.cpuMs
    if (use.cpuMs <= this.maxCpuMs) return
    const error = new FunctionError('CPU_LIMIT', 'the function used more CPU time than it may')
    this.endFor(error, this.flying.overCpu(performance.now()))
  }

  override checkAnnouncement(value: unknown): LaunchMessage {
    return checkLaunchMessage(value)
  }

  override announced(message: LaunchMessage): void {
    if (message.type === 'launch-failed') {
      this.kill(launchFailure(message.what, message.errno))
      return
    }
    this.pid = message.pid
    this.#held = [...message.layers, ...this.ownLayers()]
    try {
      checkLayers(this.#sandbox, this.#held, this.#parts.sandbox)
    } catch (error) {
      this.kill(error as FunctionError)
      return
    }
    this.#parts.processWatch.add(this)
    this.beginLoading()
    this.sendStart(1)
  }

  protected override terminate(): void {
    this.#parts.processWatch.delete(this)
    if (this.#running && this.#launched) endProcess(this.#launched, this.pid)
  }

  /** It may burn so much more from now on. */
  protected allow(cpuMs: number): void {
    this.maxCpuMs = this.cpuMs + cpuMs
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
      // What the process prints past its console: its engine's own words, or a child's of its.
      const print = (line: string) => this.logs.pass(undefined, 'info', line, performance.now())
      void readLines(launched.process.stdout, print)
      void readLines(launched.process.stderr, print)
      this.attach(await connectFd(launched.channelFd, this, workerSocket))
    } catch (cause) {
      if (this.#launched === undefined) this.#gone.resolve()
      const message = 'the launcher does not start'
      const started = cause instanceof FunctionError
      this.kill(started ? cause : new FunctionError('WORKER_START_FAILED', message, { cause }))
    }
  }

  #launch({ flags, program }: LaunchPlan): Launched {
    const { launcherPath, sandboxUid, emptyDir } = this.#parts
    return launch({
      launcherPath,
      sandboxUid,
      cwd: emptyDir,
      flags: [...this.#sandbox.launcherFlags, ...flags],
      program,
      onExit: (status, signal) => {
        this.#running = false
        this.#gone.resolve()
        this.processEnded({ status, signal, cpu: false, cpuUs: this.cpuMs * 1000 })
      },
    })
  }
}
