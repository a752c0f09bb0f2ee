/** The interface through which the management API reaches the running service. */
import type { FunctionConfig } from '../metadata/records.ts'
import type { PreparedVersion } from '../router/router.ts'
import type { WorkerSpec } from '../worker/worker.ts'

/** A function version and its settings. What `config` does not set is the service's default. */
export interface RunnableVersion {
  spec: WorkerSpec
  config: FunctionConfig
}

/** Several versions that share the requests of a function. */
export interface RunnableSplit {
  versions: { version: RunnableVersion; weight: number }[]
  stickyHeader: string | undefined
}

/** One live worker, for people. */
export interface WorkerView {
  /** The host's pid; null until it is known. */
  pid: number | null
  project: string
  function: string
  version: string
  runtime: string
  state: string
  invocations: number
  /** ISO 8601. */
  startedAt: string
  residentBytes: number
  layers: readonly string[]
}

export interface ServiceControl {
  /**
   * Starts a worker of a version that is about to go live.
   *
   * @throws {FunctionError} why its bundle did not load
   */
  prepare(version: RunnableVersion): Promise<PreparedVersion>
  /**
   * Starts a worker of each version of a split that is about to go live.
   *
   * @throws {FunctionError} why a bundle did not load
   */
  prepareSplit(split: RunnableSplit): Promise<PreparedVersion>
  /** The function was deleted: its running requests are finished, then its workers exit. */
  forget(name: string, project: string): void
  /** What applies to a function whatever its version has changed. */
  functionChanged(name: string, project: string): void
  /** Versions of the function were deleted. */
  endPreviews(name: string, project: string): void
  /** Routes of the host were added or removed. */
  hostChanged(host: string): void
  /** Whether requests to the host lead to a function. */
  serves(host: string): boolean
  /** The project was suspended or resumed, or its limits are other ones. */
  projectChanged(project: string): void
  /** It has no functions any more, and a new one may take its name. */
  projectDeleted(project: string): Promise<void>
  workers(): WorkerView[]
}
