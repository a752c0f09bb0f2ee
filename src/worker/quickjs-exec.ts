/** A quickjs worker that is a process of its own from the start, not a fork: it shares nothing. */

import { LaunchedWorker, type LaunchParts, type LaunchPlan } from './exec-worker.ts'
import type { Template } from './process/zygote.ts'
import { OWN_LAYERS } from './quickjs-forked.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { CpuAllowance } from './session/cpu-budget.ts'
import type { WorkerServices } from './session/worker-context.ts'
import type { WorkerEvents, WorkerSpec } from './worker.ts'

/** It may burn so much beyond the budgets of what runs in it, and is told of new ones so often. */
const CPU_SLACK_MS = 1000
const CPU_RENEW_MS = 500

export interface ProcessParts extends LaunchParts {
  workerPath: string
  /** Made of the same program, it knows what each worker closes behind itself. */
  sealed: Template
}

export class QuickJSProcess extends LaunchedWorker {
  readonly runtime = 'quickjs-ng'
  protected readonly cpu = new CpuAllowance(CPU_SLACK_MS, CPU_RENEW_MS, (ms) => this.allow(ms))
  readonly #parts: ProcessParts
  readonly #workerFlags: readonly string[]

  constructor(
    id: number,
    spec: WorkerSpec,
    events: WorkerEvents,
    services: WorkerServices,
    parts: ProcessParts,
    sandbox: Sandbox,
  ) {
    super(id, spec, events, services, parts, sandbox)
    this.#parts = parts
    this.#workerFlags = sandbox.workerFlags
  }

  protected override ownLayers(): readonly string[] {
    return [...this.#parts.sealed.workerLayers, ...OWN_LAYERS]
  }

  protected override async plan(): Promise<LaunchPlan> {
    await this.#parts.sealed.warm()
    return { flags: [], program: [this.#parts.workerPath, '--worker', ...this.#workerFlags] }
  }
}
