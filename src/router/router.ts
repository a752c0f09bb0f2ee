import { FunctionError, sandboxViolation } from '../errors.ts'
import type { PoolLimits } from '../pool/limits.ts'
import type { PoolEvents } from '../pool/pending-request.ts'
import { Pool } from '../pool/pool.ts'
import type { SlotState } from '../pool/pooled-worker.ts'
import type { Fleet } from '../pool/worker-budget.ts'
import type { MetricsRegistry } from '../telemetry/counters.ts'
import type { WorkerFactory, WorkerLog, WorkerSpec } from '../worker/worker.ts'
import type { Route } from './route.ts'

/** A function version with all that its requests and workers need. */
export interface ActiveVersion {
  spec: WorkerSpec
  timeoutMs: number
  maxWorkers: number
  concurrency: number
  exposeErrors: boolean
}

/** Where the router finds functions. Asked once for each function, when its first request comes. */
export interface FunctionSource {
  /** Undefined: no such function. `undeployed`: it has no active version. */
  active(name: string): ActiveVersion | 'undeployed' | undefined
}

export interface RouterOptions {
  source: FunctionSource
  launcher: WorkerFactory
  fleet: Fleet
  counters: MetricsRegistry
  /** For every pool; the version's own settings go over it. */
  poolLimits: PoolLimits
  /** Starting a worker for a switch may take so long, a wait for room among all workers included. */
  startTimeoutMs: number
  log(spec: WorkerSpec, entry: WorkerLog, requestId: string | undefined): void
}

/** A version of which a worker is ready, and which takes no requests yet. */
export interface PreparedVersion {
  /** From now on the function's requests go to it; the version before finishes what it has. */
  activate(): void
  /** It is not wanted after all. */
  discard(): void
}

/** Function name -> active version -> its pool. */
export class Router {
  readonly #options: RouterOptions
  readonly #routes = new Map<string, Route>()
  /** Out of service, finishing what they have. */
  readonly #leaving = new Set<Pool>()

  constructor(options: RouterOptions) {
    this.#options = options
  }

  /**
   * Where a request to this function goes.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND, FUNCTION_NOT_DEPLOYED
   */
  route(name: string): Route {
    return this.#routes.get(name) ?? this.#load(name)
  }

  /**
   * Starts a worker of a version, for a deployment or a rollback that is about to be.
   *
   * @throws {FunctionError} why its bundle did not load, or no worker of it started
   */
  async prepare(version: ActiveVersion): Promise<PreparedVersion> {
    const route = this.#newRoute(version)
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      const error = new FunctionError('WORKER_START_FAILED', 'No worker of the version got ready.')
      timer = setTimeout(() => reject(error), this.#options.startTimeoutMs)
    })
    try {
      await Promise.race([route.pool.warm(), late])
    } catch (error) {
      this.#retire(route.pool)
      throw error
    } finally {
      clearTimeout(timer)
    }
    return {
      activate: () => {
        const before = this.#routes.get(route.functionName)
        this.#routes.set(route.functionName, route)
        if (before !== undefined) this.#retire(before.pool)
      },
      discard: () => this.#retire(route.pool),
    }
  }

  /** Forgets a function; what it runs is finished. Its next request asks the source again. */
  forget(name: string): void {
    const route = this.#routes.get(name)
    if (route === undefined) return
    this.#routes.delete(name)
    this.#retire(route.pool)
  }

  /** Every pool that may have workers. */
  *pools(): Iterable<Pool> {
    for (const route of this.#routes.values()) yield route.pool
    yield* this.#leaving
  }

  /** How many workers there are in each state, and how many jobs wait for one. */
  load(): { workers: Record<SlotState, number>; queued: number } {
    const workers = { starting: 0, ready: 0, busy: 0, draining: 0, gone: 0 }
    let queued = 0
    for (const pool of this.pools()) {
      queued += pool.queued
      for (const { state } of pool.slots) workers[state]++
    }
    return { workers, queued }
  }

  /** Takes everything out of service; resolves when the last worker is gone. */
  async close(): Promise<void> {
    for (const name of [...this.#routes.keys()]) this.forget(name)
    await Promise.all([...this.#leaving].map((pool) => pool.close(pool.limits.drainMs)))
  }

  /** Ends every worker now. */
  kill(reason: FunctionError): void {
    for (const pool of [...this.pools()]) pool.kill(reason)
  }

  #load(name: string): Route {
    const version = this.#options.source.active(name)
    if (version === undefined) {
      throw new FunctionError('FUNCTION_NOT_FOUND', 'There is no function of this name.')
    }
    if (version === 'undeployed') {
      throw new FunctionError('FUNCTION_NOT_DEPLOYED', 'The function has no deployed version.')
    }
    const route = this.#newRoute(version)
    this.#routes.set(name, route)
    return route
  }

  #newRoute(version: ActiveVersion): Route {
    const { spec } = version
    const { launcher, fleet, counters, poolLimits, log } = this.#options
    const limits: PoolLimits = {
      ...poolLimits,
      minWorkers: Math.min(poolLimits.minWorkers, version.maxWorkers),
      maxWorkers: version.maxWorkers,
      concurrency: version.concurrency,
    }
    const counted = counters.of(spec.functionName, spec.version)
    const events: PoolEvents = {
      log: (entry, requestId) => log(spec, entry, requestId),
      lost(error) {
        const violation = sandboxViolation(error)
        if (violation === undefined) return
        counted.sandboxKills++
        const { code, message } = violation
        log(
          spec,
          { invocation: undefined, level: 'error', message: `${code}: ${message}` },
          undefined,
        )
      },
    }
    return {
      functionName: spec.functionName,
      version: spec.version,
      pool: new Pool(spec, limits, launcher, fleet, events),
      counters: counted,
      timeoutMs: version.timeoutMs,
      cpuMs: spec.capabilities.maxCpu,
      exposeErrors: version.exposeErrors,
    }
  }

  #retire(pool: Pool): void {
    this.#leaving.add(pool)
    void pool.close(pool.limits.drainMs).then(() => this.#leaving.delete(pool))
  }
}
