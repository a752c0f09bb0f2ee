/** A worker that was forked off the quickjs-worker template. */
import type { Socket } from 'bun'
import type { Template } from './process/zygote.ts'
import { type Accepted, checkAccepted } from './protocol/announcements.ts'
import { CpuAllowance } from './session/cpu-budget.ts'
import { ProtocolWorker } from './session/protocol-worker.ts'
import type { WorkerServices } from './session/worker-context.ts'
import type { WorkerEvents, WorkerSpec } from './worker.ts'

/** What the template lets a worker burn beyond the budgets of what runs in it. */
const CPU_SLACK_MS = 1000
/** The template is told of new budgets no more often: less than the slack, so none is short. */
const CPU_RENEW_MS = 500
/** What each worker sets for itself after its fork, beside the layers of its template. */
export const OWN_LAYERS = ['worker_rlimits', 'engine_limits']

export class QuickJSWorker extends ProtocolWorker<Accepted> {
  readonly runtime = 'quickjs-ng'
  protected override readonly readsBehindStart = true
  protected readonly cpu = new CpuAllowance(CPU_SLACK_MS, CPU_RENEW_MS, (ms) => this.#allow(ms))
  readonly #template: Template
  /** Its name in the template's life. */
  #number: number | undefined
  #hostPid: number | undefined
  #held: readonly string[] = []

  constructor(
    id: number,
    spec: WorkerSpec,
    events: WorkerEvents,
    services: WorkerServices,
    template: Template,
  ) {
    super(id, spec, events, services)
    this.#template = template
    template.fork(this)
  }

  get pid(): number | undefined {
    if (this.state === 'gone' || this.#number === undefined) return this.#hostPid
    this.#hostPid ??= this.#template.hostPid(this.#number)
    return this.#hostPid
  }

  get layers(): readonly string[] {
    return this.#held.length === 0 ? [] : [...this.#held, this.services.shareOf(this)]
  }

  /** What starts it waits in its socket for the fork: the template itself never reads of it. */
  override attach(socket: Socket<unknown>): void {
    super.attach(socket)
    this.sendStart(this.id)
  }

  /** A connection that was made before it was needed, and the process behind it. */
  adopt(socket: Socket<unknown>, accepted: Accepted): void {
    this.inbox.adopt(accepted)
    this.attach(socket)
  }

  override checkAnnouncement(value: unknown): Accepted {
    return checkAccepted(value)
  }

  override announced(message: Accepted): void {
    this.#number = message.worker
    this.#held = [...this.#template.layers, ...OWN_LAYERS]
    this.#template.accepted(this, message.worker)
    this.beginLoading()
  }

  protected override terminate(): void {
    this.#template.dismiss(this, this.#number)
  }

  #allow(cpuMs: number): void {
    if (this.#number !== undefined) this.#template.limit(this.#number, cpuMs)
  }
}
