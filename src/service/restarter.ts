/** Replaces this process by another one, without a refused connection: the service's side of a hand-over. */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  type Lifecycle,
  type RestartRequest,
  type ServiceView,
  upgradePath,
} from '../admin/lifecycle.ts'
import type { Operations } from '../admin/operations.ts'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { DataDirLock } from '../metadata/lock.ts'
import { RELEASE } from '../release.ts'
import type { ServiceLog } from '../telemetry/service-log.ts'
import { lockSoon } from './data-directory.ts'
import type { Housekeeping } from './housekeeping.ts'
import { ManagementSocket } from './listen.ts'
import type { ManagementListener } from './management-listener.ts'
import { writeServiceFile } from './service-file.ts'
import { type HandOverSteps, handOver } from './successor.ts'

/** The process whose end ends the container. */
const INIT_PID = 1

/** What one process has at a time. */
export interface Held {
  lock: DataDirLock
  management: ManagementSocket
  /** The management API over TCP. */
  listener: ManagementListener | undefined
}

export interface RestarterParts {
  config: Config
  log: ServiceLog
  gateway: Gateway
  operations: Operations
  housekeeping: Housekeeping
  /** FUNCTIONS_SECRET_KEY, which only the next service gets. */
  secretKey: string | undefined
  /** Where this executable is installed. */
  installed: string
  /** Answers the management API. */
  answer(request: Request): Response | Promise<Response>
  /** From now on another process may change functions. */
  watchChanges(): void
  /** The service manager follows the new process. */
  continuesIn(pid: number): void
}

export class Restarter implements Lifecycle {
  /** Resolves when another process is the service. */
  readonly handedOver: Promise<void>
  readonly #parts: RestarterParts
  readonly #held: Held
  readonly #aborted = new AbortController()
  readonly #done = Promise.withResolvers<void>()
  #running: Promise<unknown> | undefined
  #over = false
  /** Another process took the lock during a restart that failed: this one may change nothing. */
  #lockLost = false

  constructor(parts: RestarterParts, held: Held) {
    this.#parts = parts
    this.#held = held
    this.handedOver = this.#done.promise
  }

  /** Another process is the service. */
  get over(): boolean {
    return this.#over
  }

  describe(): ServiceView {
    const { installed, gateway } = this.#parts
    return { pid: process.pid, release: RELEASE, url: gateway.url, executable: installed }
  }

  restart(request: RestartRequest): Promise<Pick<ServiceView, 'pid' | 'release'>> {
    this.#check()
    this.#parts.housekeeping.pause()
    const run = this.#restart(request)
    this.#running = run
    const over = () => {
      this.#running = undefined
    }
    run.then(over, over)
    return run
  }

  /** Ends a hand-over that is not over yet; this process stays the service. */
  async abort(): Promise<void> {
    this.#aborted.abort()
    await this.#running?.catch(() => {})
  }

  #check(): void {
    if (this.#running !== undefined) {
      throw new FunctionError('CONFLICT', 'A restart is already running.')
    }
    if (this.#over) throw elsewhere()
    if (this.#aborted.signal.aborted) {
      throw new FunctionError('SHUTTING_DOWN', 'The service is shutting down.')
    }
    if (process.pid === INIT_PID) {
      const message =
        'The service is process 1 of its container, which ends with it, so no other process can take over. Restart the container.'
      throw new FunctionError('CONFLICT', message)
    }
  }

  async #restart({ upgrade, timeoutMs }: RestartRequest) {
    const { config, log, gateway, housekeeping, secretKey, installed } = this.#parts
    const executable = upgrade ? upgradePath(installed) : installed
    log.info('restarting', { executable })
    try {
      const next = await handOver(
        {
          executable,
          installed,
          secretKey,
          timeoutMs,
          host: config.server.host,
          port: gateway.listener.port,
          listenerFd: gateway.listener.fd,
          management: this.#held.listener,
          dataDir: realpathSync(config.server.dataDir),
          signal: this.#aborted.signal,
        },
        this.#steps(),
      )
      log.info('handed over', next)
      this.#done.resolve()
      return next
    } catch (error) {
      // Without the lock another process may change the data directory.
      if (!this.#lockLost) housekeeping.resume()
      const reason = (error as Error).message
      if (this.#aborted.signal.aborted) log.info('the restart was abandoned', { reason })
      else log.warn('the restart failed: this process goes on', { reason })
      throw error
    }
  }

  #steps(): HandOverSteps {
    const { gateway, operations, watchChanges, continuesIn } = this.#parts
    let lockReleased = false
    return {
      pauseChanges: () => operations.queue.pause(),
      releaseLock: () => {
        lockReleased = true
        watchChanges()
        this.#held.lock.release()
      },
      stopAccepting: () => {
        gateway.stopAccepting()
        this.#held.listener?.stopAccepting()
      },
      continuesIn: (pid) => {
        this.#over = true
        this.#held.management.leave()
        operations.queue.resume(elsewhere())
        continuesIn(pid)
      },
      undo: async () => {
        gateway.acceptAgain()
        this.#held.listener?.acceptAgain()
        if (lockReleased) await this.#reclaim()
        operations.queue.resume(this.#lockLost ? lockLost() : undefined)
      },
    }
  }

  /** Takes back what the successor may have taken. */
  async #reclaim(): Promise<void> {
    const { config, gateway, log, answer } = this.#parts
    const { dataDir, socket } = config.server
    try {
      this.#lockLost = true
      this.#held.lock = await lockSoon(dataDir)
      this.#lockLost = false
      if (!this.#held.management.published) {
        // The requests of the first one are still answered.
        this.#held.management = await ManagementSocket.listen(socket, answer)
      }
      writeServiceFile(dataDir, { pid: process.pid, socket: resolve(socket), url: gateway.url })
    } catch (error) {
      log.error('this process could not take back the data directory after a restart failed', error)
    }
  }
}

function lockLost(): FunctionError {
  const message =
    'A restart failed, and another process took the lock of the data directory meanwhile: this service changes no function any more. Wait until that process has ended, then restart the service.'
  return new FunctionError('CONFLICT', message)
}

/** Clients send the request again, to the process that has the socket now. */
function elsewhere(): FunctionError {
  const message = 'Another process has become the service. Send the request again.'
  return new FunctionError('SHUTTING_DOWN', message)
}
