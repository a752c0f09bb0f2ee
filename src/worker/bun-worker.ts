/** A worker that is a Bun process of its own: this executable again, as bun, with the runner in it. */

import { FunctionError } from '../errors.ts'
import type { ProcessUse } from '../lib/procfs.ts'
import { programSource } from '../lib/program-source.ts' with { type: 'macro' }
import { LaunchedWorker, type LaunchParts, type LaunchPlan } from './exec-worker.ts'
import { cpuLifeMs } from './protocol/start-message.ts'
import { bunSandbox, type Program } from './sandbox/sandbox.ts'
import { CpuAllowance } from './session/cpu-budget.ts'
import type { WorkerServices } from './session/worker-context.ts'
import type { WorkerEvents, WorkerSpec } from './worker.ts'

const RUNNER = programSource('guest/bun/main.ts', ['bundle.js'])
/** Of one file that it writes, as any other worker's. */
const MAX_FILE_BYTES = 2 ** 30
/** Descriptors that Bun itself holds; a tenant's limit counts beyond them. */
const OWN_DESCRIPTORS = 32
/** Bun's helper threads burn a little without being asked to. */
const CPU_SLACK_MS = 500
/** With nothing in flight, it may burn the slack once in so long. */
const IDLE_RENEW_MS = 10_000

export class BunWorker extends LaunchedWorker {
  readonly runtime = 'bun'
  protected readonly cpu = new CpuAllowance(CPU_SLACK_MS, 0, (ms) => this.allow(ms))
  readonly #program: Program
  /** What its runner is told. */
  readonly #told: string[]
  #idleSince = 0

  /** @param program our own executable, which is bun too */
  constructor(
    id: number,
    spec: WorkerSpec,
    events: WorkerEvents,
    services: WorkerServices,
    parts: LaunchParts,
    program: Program,
  ) {
    const sandbox = bunSandbox(spec.capabilities, parts.sandbox, program)
    super(id, spec, events, services, parts, sandbox)
    this.#program = program
    this.#told = sandbox.network ? [] : ['brokered']
  }

  /** Judges what the process used of memory, too: Bun itself keeps no limit. */
  override used(use: ProcessUse): void {
    const { maxMemory } = this.spec.capabilities
    if (use.residentBytes > maxMemory) {
      this.cpuMs = use.cpuMs
      const error = new FunctionError('MEMORY_LIMIT', 'the function used more memory than it may')
      this.endFor(error, this.flying.newest())
      return
    }
    super.used(use)
    const now = performance.now()
    if (this.inFlight > 0) {
      this.#idleSince = now
    } else if (now - this.#idleSince > IDLE_RENEW_MS) {
      this.#idleSince = now
      if (this.state === 'ready') this.allow(CPU_SLACK_MS)
    }
  }

  protected override ownLayers(): readonly string[] {
    return []
  }

  protected override async plan(): Promise<LaunchPlan> {
    const { maxCpu, maxFileDescriptors } = this.spec.capabilities
    return {
      // No limit on address space, data or processes: Bun needs much of the first and threads.
      flags: [
        ...['--nofile', `${maxFileDescriptors + OWN_DESCRIPTORS}`],
        ...['--fsize', `${MAX_FILE_BYTES}`],
        ...['--cpu', `${Math.ceil(cpuLifeMs(maxCpu) / 1000)}`],
        ...['--env', 'BUN_BE_BUN=1'],
      ],
      program: [
        this.#program.path,
        '--no-env-file',
        '--config=/dev/null',
        '-e',
        RUNNER,
        ...this.#told,
      ],
    }
  }
}
