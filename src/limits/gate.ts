/** What a request to a function has to pass before a worker gets it: the limits of every level. */
import { type ExceededLimit, FunctionError } from '../errors.ts'
import { type Account, type Ledger, lengthOf, type Policy } from './ledger.ts'
import { formatLimit, type Level, LIMITS, type LimitName, type Limits } from './names.ts'

/** The limits that one level sets for a function. */
export interface Scope {
  level: Level
  /** Of the installation: empty; else `project`, or `project/function`; of a token: its id. */
  name: string
  limits: Limits
}

/** A limit that is counted. */
interface Counted extends Account {
  limit: LimitName
  value: number
  scope: Scope
}

/** The limit of a scope that is in force, because it is the lowest. */
export interface InForce {
  value: number
  level: Level
}

/** The lowest of the values that the scopes have for a limit. */
export function lowest(scopes: readonly Scope[], name: LimitName): InForce | undefined {
  let found: InForce | undefined
  for (const { level, limits } of scopes) {
    const value = limits[name]
    if (value === undefined || (found !== undefined && found.value <= value)) continue
    found = { value, level }
  }
  return found
}

/** The limits of a function's requests. A function without any has no gate. */
export class Gate {
  readonly #ledger: Ledger
  /** What a request takes one unit of: places first, since a place can be returned whole. */
  readonly #taken: readonly Counted[]
  /** What must not be used up. */
  readonly #cpu: readonly Counted[]
  readonly #egressRequests: readonly Counted[]
  readonly #egressBytes: readonly Counted[]

  private constructor(ledger: Ledger, counted: readonly Counted[]) {
    const of = (...names: LimitName[]) => counted.filter(({ limit }) => names.includes(limit))
    this.#ledger = ledger
    this.#taken = [...of('concurrent'), ...of('rps')]
    this.#cpu = of('cpuPerHour', 'cpuPerDay')
    this.#egressRequests = of('egressRequestsPerDay')
    this.#egressBytes = of('egressBytesPerDay')
  }

  /** @param scopes from the installation to the function; undefined if they have no limit that is counted */
  static of(scopes: readonly Scope[], ledger: Ledger): Gate | undefined {
    const counted = scopes.flatMap(countedOf)
    return counted.length === 0 ? undefined : new Gate(ledger, counted)
  }

  /** The accounts that begin with what was used before this process started. */
  get quotas(): readonly { account: Account; limit: LimitName; scope: Scope }[] {
    const all = [...this.#cpu, ...this.#egressRequests, ...this.#egressBytes]
    return all.map((account) => ({ account, limit: account.limit, scope: account.scope }))
  }

  /** Admits a request, whose place `leave` frees. @returns why not, where a limit is reached */
  admit(): FunctionError | undefined {
    for (const quota of this.#cpu) {
      if (this.#ledger.left(quota) <= 0) return this.#exceeded(quota)
    }
    for (let i = 0; i < this.#taken.length; i++) {
      const account = this.#taken[i] as Counted
      if (this.#ledger.lease(account, 1) === 1) continue
      const refusal = this.#exceeded(account)
      while (--i >= 0) this.#ledger.giveBack(this.#taken[i] as Counted, 1)
      return refusal
    }
    return undefined
  }

  /** A request that was admitted is over. */
  leave(): void {
    for (const account of this.#taken) {
      if (account.policy.kind === 'concurrent') this.#ledger.giveBack(account, 1)
    }
  }

  spendCpu(cpuUs: number): void {
    for (const account of this.#cpu) this.#ledger.spend(account, cpuUs)
  }

  /** Admits an outbound request. @returns why not */
  admitEgress(): FunctionError | undefined {
    for (const quota of this.#egressBytes) {
      if (this.#ledger.left(quota) <= 0) return this.#exceeded(quota)
    }
    for (let i = 0; i < this.#egressRequests.length; i++) {
      const account = this.#egressRequests[i] as Counted
      if (this.#ledger.lease(account, 1) === 1) continue
      while (--i >= 0) this.#ledger.giveBack(this.#egressRequests[i] as Counted, 1)
      return this.#exceeded(account)
    }
    return undefined
  }

  /** Counts bytes that were sent or received. @returns why no more may follow */
  spendEgress(bytes: number): FunctionError | undefined {
    let refusal: FunctionError | undefined
    for (const account of this.#egressBytes) {
      this.#ledger.spend(account, bytes)
      if (refusal === undefined && this.#ledger.left(account) < 0) refusal = this.#exceeded(account)
    }
    return refusal
  }

  #exceeded(account: Counted): FunctionError {
    const { scope, limit, value } = account
    const code = account.policy.kind === 'quota' ? 'QUOTA_EXCEEDED' : 'RATE_LIMITED'
    const retryAfter = Math.max(1, Math.ceil(this.#ledger.waitMs(account) / 1000))
    const what = `${LIMITS[limit].what}: ${formatLimit(limit, value)}`
    const message = `${ownerOf(scope)} has reached its limit of ${what} (${limit}). Try again in ${retryAfter} s.`
    return new FunctionError(code, message, { retryAfter, limit: fields(account, retryAfter) })
  }
}

/** What the keys of the accounts of a project and of its functions begin with. */
export function accountsOf(project: string): string[] {
  return [`project ${project} `, `function ${project}/`]
}

function countedOf(scope: Scope): Counted[] {
  const { rps, burst, concurrent, cpuPerHour, cpuPerDay } = scope.limits
  const { egressRequestsPerDay, egressBytesPerDay } = scope.limits
  const counted: Counted[] = []
  const add = (limit: LimitName, value: number | undefined, policy: (value: number) => Policy) => {
    if (value === undefined) return
    const key = `${scope.level} ${scope.name} ${limit}`
    counted.push({ key, policy: policy(value), limit, value, scope })
  }
  add('rps', rps, (perSecond) => ({ kind: 'rate', perSecond, burst: burst ?? perSecond }))
  add('concurrent', concurrent, (units) => ({ kind: 'concurrent', units }))
  add('cpuPerHour', cpuPerHour, (ms) => quota(1000 * ms, 'hour'))
  add('cpuPerDay', cpuPerDay, (ms) => quota(1000 * ms, 'day'))
  add('egressRequestsPerDay', egressRequestsPerDay, (units) => quota(units, 'day'))
  add('egressBytesPerDay', egressBytesPerDay, (units) => quota(units, 'day'))
  return counted
}

function quota(units: number, window: 'hour' | 'day'): Policy {
  return { kind: 'quota', units, window }
}

function ownerOf({ level, name }: Scope): string {
  if (level === 'installation') return 'This installation'
  if (level === 'token') return 'This token'
  if (level === 'project') return `Project '${name}'`
  return `Function '${name.slice(name.indexOf('/') + 1)}'`
}

/** Of draft-ietf-httpapi-ratelimit-headers-10: strings with parameters. */
function fields({ policy, limit, value, scope }: Counted, seconds: number): ExceededLimit {
  const { level } = scope
  if (policy.kind === 'concurrent') {
    const unit = 'qu="concurrent-requests"'
    return {
      name: limit,
      level,
      policy: `"${limit}";q=${value};${unit}`,
      remaining: `"${limit}";r=0`,
    }
  }
  const window = policy.kind === 'rate' ? 1 : lengthOf(policy.window) / 1000
  const unit = { ms: ';qu="cpu-milliseconds"', bytes: ';qu="content-bytes"', count: '' }
  return {
    name: limit,
    level,
    policy: `"${limit}";q=${value};w=${window}${unit[LIMITS[limit].unit]}`,
    remaining: `"${limit}";r=0;t=${seconds}`,
  }
}
