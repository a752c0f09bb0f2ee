/** A quickjs-ng worker that is executed, not forked, so that it shares no memory with other workers. */

import { type ExecOptions, ExecWorker, type LaunchPlan } from './exec-worker.ts'
import type { Zygote } from './process/zygote.ts'
import { OWN_LAYERS } from './quickjs-forked.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { CpuBudget } from './session/cpu-budget.ts'
import type { WorkerContext } from './session/worker-context.ts'
import type { WorkerEvents, WorkerSpec } from './worker.ts'

/**
 * CPU time beyond the budgets of what runs, for background work too, and the minimum interval between budget updates. The
 * interval is shorter, so that work whose budget is not counted yet cannot use up the slack.
 */
const CPU_SLACK_MS = 2000
const CPU_RENEW_MS = 500

export interface ExecQuickJSOptions extends ExecOptions {
  workerPath: string
  /** The zygote of the same program: it knows which layers each worker applies to itself. */
  zygote: Zygote
}

export class ExecQuickJSWorker extends ExecWorker {
  readonly runtime = 'quickjs-ng'
  protected readonly cpu = new CpuBudget(CPU_SLACK_MS, CPU_RENEW_MS, (ms) => this.allow(ms))
  readonly #options: ExecQuickJSOptions
  readonly #workerFlags: readonly string[]

  constructor(
    id: number,
    spec: WorkerSpec,
    events: WorkerEvents,
    context: WorkerContext,
    options: ExecQuickJSOptions,
    sandbox: Sandbox,
  ) {
    super(id, spec, events, context, options, sandbox)
    this.#options = options
    this.#workerFlags = sandbox.workerFlags
  }

  protected override ownLayers(): readonly string[] {
    return [...this.#options.zygote.workerLayers, ...OWN_LAYERS]
  }

  protected override async plan(): Promise<LaunchPlan> {
    await this.#options.zygote.warm()
    return { flags: [], program: [this.#options.workerPath, '--worker', ...this.#workerFlags] }
  }
}
