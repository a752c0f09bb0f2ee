/** What functions use, by project, function and hour: the increase since it was last written. */
import { OK } from './counters.ts'

const HOUR_MS = 3_600_000

/** What one function used in one hour, and is not in the database yet. */
export interface UsageIncrease {
  readonly project: string
  readonly functionName: string
  /** ms since the epoch. */
  readonly hour: number
  /** It is being written, or was: nothing may be added to it. */
  taken: boolean
  invocations: number
  failed: number
  cpuUs: number
  wallMs: number
  /** Memory of workers, byte-milliseconds. */
  byteMs: number
  egressRequests: number
  egressBytes: number
  responseBytes: number
  coldStarts: number
  logBytes: number
  /** Invocations by outcome. */
  readonly outcomes: Map<string, number>
}

/** Counts what requests and workers of one function version use. */
export class FunctionUsage {
  readonly project: string
  readonly functionName: string
  readonly #registry: UsageRegistry
  #increase: UsageIncrease | undefined

  constructor(project: string, functionName: string, registry: UsageRegistry) {
    this.project = project
    this.functionName = functionName
    this.#registry = registry
  }

  /** A request was answered: its client has all that it will get. */
  answered(outcome: string, responseBytes: number): void {
    const increase = this.#current()
    increase.invocations++
    if (outcome !== OK) increase.failed++
    increase.responseBytes += responseBytes
    increase.outcomes.set(outcome, (increase.outcomes.get(outcome) ?? 0) + 1)
  }

  /** A request is over, with what it gave to `waitUntil`. */
  ended(wallMs: number, cold: boolean): void {
    const increase = this.#current()
    increase.wallMs += wallMs
    if (cold) increase.coldStarts++
  }

  /** A worker ran. */
  worked(cpuUs: number, byteMs: number): void {
    const increase = this.#current()
    increase.cpuUs += cpuUs
    increase.byteMs += byteMs
  }

  egress(requests: number, bytes: number): void {
    const increase = this.#current()
    increase.egressRequests += requests
    increase.egressBytes += bytes
  }

  logged(bytes: number): void {
    this.#current().logBytes += bytes
  }

  /** A limit refused a request, or an outbound request. */
  limited(limit: string): void {
    this.#registry.limited(this.project, this.functionName, limit)
  }

  #current(): UsageIncrease {
    const { hour } = this.#registry
    let increase = this.#increase
    if (increase === undefined || increase.hour !== hour || increase.taken) {
      increase = nothing(this.project, this.functionName, hour)
      this.#increase = increase
      this.#registry.add(increase)
    }
    return increase
  }
}

/** How often a limit refused something. */
export interface Limited {
  readonly project: string
  readonly functionName: string
  readonly limit: string
  count: number
}

/**
 * Collects what all functions use, until it is written. The memory that this takes depends on how many functions
 * were used since the last write, not on how many there are.
 */
export class UsageRegistry {
  readonly #date: () => number
  readonly #onChange: () => void
  #waiting = new Set<UsageIncrease>()
  readonly #limited = new Map<string, Limited>()

  /**
   * @param onChange there is something to write
   * @param date ms since the epoch
   */
  constructor(onChange: () => void = () => {}, date: () => number = Date.now) {
    this.#onChange = onChange
    this.#date = date
  }

  /** The counters for one route of a function. */
  of(project: string, functionName: string): FunctionUsage {
    return new FunctionUsage(project, functionName, this)
  }

  /** The beginning of this hour, ms since the epoch. */
  get hour(): number {
    const now = this.#date()
    return now - (now % HOUR_MS)
  }

  get size(): number {
    return this.#waiting.size
  }

  add(increase: UsageIncrease): void {
    this.#waiting.add(increase)
    this.#onChange()
  }

  /** Takes up to `count` of what is to be written. */
  take(count: number): UsageIncrease[] {
    const taken: UsageIncrease[] = []
    for (const increase of this.#waiting) {
      if (taken.length === count) break
      this.#waiting.delete(increase)
      increase.taken = true
      taken.push(increase)
    }
    return taken
  }

  /** Returns what could not be written. */
  putBack(increases: readonly UsageIncrease[]): void {
    for (const increase of increases) {
      increase.taken = false
      this.#waiting.add(increase)
    }
  }

  limited(project: string, functionName: string, limit: string): void {
    const key = `${project}/${functionName} ${limit}`
    const limited = this.#limited.get(key)
    if (limited === undefined) this.#limited.set(key, { project, functionName, limit, count: 1 })
    else limited.count++
  }

  /** What limits refused since the service started. */
  get allLimited(): Iterable<Limited> {
    return this.#limited.values()
  }
}

function nothing(project: string, functionName: string, hour: number): UsageIncrease {
  return {
    project,
    functionName,
    hour,
    taken: false,
    invocations: 0,
    failed: 0,
    cpuUs: 0,
    wallMs: 0,
    byteMs: 0,
    egressRequests: 0,
    egressBytes: 0,
    responseBytes: 0,
    coldStarts: 0,
    logBytes: 0,
    outcomes: new Map(),
  }
}
