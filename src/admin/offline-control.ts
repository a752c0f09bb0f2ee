/**
 * Control for a data directory without a service: a worker loads each bundle, and nothing goes
 * live.
 */
import { FunctionError } from '../errors.ts'
import type { PreparedVersion } from '../router/router.ts'
import type { Worker, WorkerFactory, WorkerSpec } from '../worker/worker.ts'
import type { RunnableSplit, RunnableVersion, ServiceControl } from './control.ts'

/**
 * Starts one worker and waits until it takes invocations.
 *
 * @throws {FunctionError} if it does not become ready
 */
export function readyWorker(launcher: WorkerFactory, spec: WorkerSpec): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const gone = new FunctionError('WORKER_START_FAILED', 'The worker ended before it was ready.')
    const worker = launcher.start(spec, {
      ready: () => resolve(worker),
      exit: (error) => reject(error ?? gone),
      log() {},
      silent() {},
      retire() {},
    })
  })
}

export class OfflineControl implements ServiceControl {
  readonly #start: () => Promise<WorkerFactory>
  readonly #projectDeleted: (project: string) => Promise<void>
  #launcher: WorkerFactory | undefined

  /**
   * @param start creates the launcher when the first bundle is prepared
   * @param projectDeleted keeps what a deleted project used under another name
   */
  constructor(
    start: () => Promise<WorkerFactory>,
    projectDeleted: (project: string) => Promise<void> = async () => {},
  ) {
    this.#start = start
    this.#projectDeleted = projectDeleted
  }

  async prepare({ spec }: RunnableVersion): Promise<PreparedVersion> {
    this.#launcher ??= await this.#start()
    await readyWorker(this.#launcher, spec)
    return { activate() {}, discard() {} }
  }

  async prepareSplit({ versions }: RunnableSplit): Promise<PreparedVersion> {
    for (const { version } of versions) await this.prepare(version)
    return { activate() {}, discard() {} }
  }

  forget(): void {}

  functionChanged(): void {}

  endPreviews(): void {}

  hostChanged(): void {}

  serves(): boolean {
    return false
  }

  projectChanged(): void {}

  projectDeleted(project: string): Promise<void> {
    return this.#projectDeleted(project)
  }

  workers(): [] {
    return []
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    await this.#launcher?.close()
  }
}
