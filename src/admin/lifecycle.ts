/** What the management API reports of the service's process, and how it is replaced. */

export interface ServiceView {
  pid: number
  release: string
  url: string
  /** The installed executable. `functions upgrade` puts the new one beside it, with `.new` at the end. */
  executable: string
}

export interface RestartRequest {
  /** Start the executable that lies beside the installed one. */
  upgrade: boolean
  /** Time that the new process has to be ready, ms. */
  timeoutMs: number
}

export interface Lifecycle {
  describe(): ServiceView
  /**
   * Starts another process, which then is the service. This one finishes its requests and exits.
   *
   * @returns the new process
   * @throws {FunctionError} RESTART_FAILED, CONFLICT: nothing has changed then
   */
  restart(request: RestartRequest): Promise<Pick<ServiceView, 'pid' | 'release'>>
}

/** Where the executable of an upgrade lies. The name is fixed, so no client can name a program to run. */
export function upgradePath(executable: string): string {
  return `${executable}.new`
}
