/** What the management API needs of the running service, which implements it. */
import type { FunctionConfig } from '../metadata/records.ts'
import type { PreparedVersion } from '../router/router.ts'
import type { WorkerSpec } from '../worker/worker.ts'

/** A function version with what it runs with. What `config` leaves open is the service's default. */
export interface RunnableVersion {
  spec: WorkerSpec
  config: FunctionConfig
}

/** One live worker, for people. */
export interface WorkerView {
  /** The host's pid; null until it is known. */
  pid: number | null
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
  /** The function is gone; what it runs is finished. */
  forget(name: string): void
  workers(): WorkerView[]
}
