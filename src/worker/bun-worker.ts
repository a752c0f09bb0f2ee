/** A worker that is a Bun process: this executable again, started as bun, with the runner from guest/bun. */

import { FunctionError } from '../errors.ts'
import type { ProcessUse } from '../lib/procfs.ts'
import { programSource } from '../lib/program-source.ts' with { type: 'macro' }
import { type ExecOptions, ExecWorker, type LaunchPlan } from './exec-worker.ts'
import { cpuLifeMs } from './protocol/start-message.ts'
import { bunSandbox, type Program } from './sandbox/sandbox.ts'
import { CpuBudget } from './session/cpu-budget.ts'
import type { WorkerContext } from './session/worker-context.ts'
import type { WorkerEvents, WorkerSpec } from './worker.ts'

const RUNNER = programSource('guest/bun/main.ts', ['bundle.js'])
/** Of one file that it writes, as any other worker's. */
const MAX_FILE_BYTES = 2 ** 30
/** Descriptors that Bun itself holds. They are added to the function's limit. */
const OWN_DESCRIPTORS = 32
/** CPU time beyond the budgets of what runs: Bun's helper threads use some for themselves. */
const CPU_SLACK_MS = 500

export class BunWorker extends ExecWorker {
  readonly runtime = 'bun'
  protected readonly cpu = new CpuBudget(CPU_SLACK_MS, 0, (ms) => this.allow(ms))
  readonly #program: Program
  readonly #runnerArguments: string[]

  /** @param program this executable, which is also bun */
  constructor(
    id: number,
    spec: WorkerSpec,
    events: WorkerEvents,
    context: WorkerContext,
    options: ExecOptions,
    program: Program,
  ) {
    const sandbox = bunSandbox(spec.capabilities, options.sandbox, program)
    super(id, spec, events, context, options, sandbox)
    this.#program = program
    this.#runnerArguments = sandbox.network ? [] : ['brokered']
  }

  /** Enforces the memory limit as well: Bun itself has none. */
  override used(use: ProcessUse): void {
    const { maxMemory } = this.spec.capabilities
    if (use.residentBytes > maxMemory) {
      this.cpuMs = use.cpuMs
      const error = new FunctionError(
        'MEMORY_LIMIT',
        `The worker was killed: it used more than ${maxMemory / 2 ** 20} MiB of memory (maxMemory).`,
      )
      this.endFor(error, this.invocationTable.newest())
      return
    }
    super.used(use)
  }

  protected override ownLayers(): readonly string[] {
    return []
  }

  protected override async plan(): Promise<LaunchPlan> {
    const { maxCpu, maxFileDescriptors } = this.spec.capabilities
    return {
      // No limit on address space, data or processes: Bun reserves much address space and has threads.
      flags: [
        '--nofile',
        `${maxFileDescriptors + OWN_DESCRIPTORS}`,
        '--fsize',
        `${MAX_FILE_BYTES}`,
        '--cpu',
        `${Math.ceil(cpuLifeMs(maxCpu) / 1000)}`,
        '--env',
        'BUN_BE_BUN=1',
      ],
      program: [
        this.#program.path,
        '--no-env-file',
        '--config=/dev/null',
        '-e',
        RUNNER,
        ...this.#runnerArguments,
      ],
    }
  }
}
