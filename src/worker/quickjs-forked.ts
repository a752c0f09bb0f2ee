/** A quickjs-ng worker that is a fork of the zygote. */
import type { Socket } from 'bun'
import type { Zygote } from './process/zygote.ts'
import { type Accepted, validateAccepted } from './protocol/announcements.ts'
import { CpuBudget } from './session/cpu-budget.ts'
import { ProtocolWorker } from './session/protocol-worker.ts'
import type { WorkerContext } from './session/worker-context.ts'
import type { WorkerEvents, WorkerSpec } from './worker.ts'

/** CPU time that the zygote grants a worker beyond the budgets of what runs in it, for background work too. */
const CPU_SLACK_MS = 2000
/**
 * Minimum interval between budget updates to the zygote. It is shorter than CPU_SLACK_MS, so that
 * work whose budget is not announced yet cannot use up the slack.
 */
const CPU_RENEW_MS = 500
/** The layers that each worker applies after its fork, besides those of its zygote. */
export const OWN_LAYERS = ['worker_rlimits', 'engine_limits']

export class ForkedQuickJSWorker extends ProtocolWorker<Accepted> {
  readonly runtime = 'quickjs-ng'
  protected override readonly readsBehindStart = true
  protected readonly cpu = new CpuBudget(CPU_SLACK_MS, CPU_RENEW_MS, (ms) => this.#allow(ms))
  readonly #zygote: Zygote
  /** The worker's number, unique in the life of the zygote process. */
  #number: number | undefined
  #hostPid: number | undefined
  #layers: readonly string[] = []

  constructor(
    id: number,
    spec: WorkerSpec,
    events: WorkerEvents,
    context: WorkerContext,
    zygote: Zygote,
  ) {
    super(id, spec, events, context)
    this.#zygote = zygote
    zygote.fork(this)
  }

  get pid(): number | undefined {
    if (this.state === 'gone' || this.#number === undefined) return this.#hostPid
    this.#hostPid ??= this.#zygote.hostPid(this.#number)
    return this.#hostPid
  }

  get layers(): readonly string[] {
    return this.#layers.length === 0 ? [] : [...this.#layers, this.context.resources.layerOf(this)]
  }

  /** `start` waits in the socket until the fork: the zygote itself never reads from it. */
  override attach(socket: Socket<unknown>): void {
    super.attach(socket)
    this.sendStart(this.id)
  }

  /** Takes a connection that was made ahead of need, with its process. */
  adopt(socket: Socket<unknown>, accepted: Accepted): void {
    this.reader.adopt(accepted)
    this.attach(socket)
  }

  override validateAnnouncement(value: unknown): Accepted {
    return validateAccepted(value)
  }

  override announced(message: Accepted): void {
    this.#number = message.worker
    this.#layers = [...this.#zygote.layers, ...OWN_LAYERS]
    this.#zygote.accepted(this, message.worker)
    this.beginLoading()
  }

  protected override terminate(): void {
    this.#zygote.dismiss(this, this.#number)
  }

  #allow(cpuMs: number): void {
    if (this.#number !== undefined) this.#zygote.limit(this.#number, cpuMs)
  }
}
