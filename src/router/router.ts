import type { Capabilities } from '../capabilities/schema.ts'
import { FunctionError, sandboxViolation } from '../errors.ts'
import { Gate, lowest, type Scope } from '../limits/gate.ts'
import type { Ledger } from '../limits/ledger.ts'
import { type Limits, limitsOf } from '../limits/names.ts'
import { DEFAULT_PROJECT, type FunctionRules, functionLabel } from '../metadata/records.ts'
import type { PoolLimits } from '../pool/limits.ts'
import type { PoolEvents } from '../pool/pending-request.ts'
import { Pool } from '../pool/pool.ts'
import type { PooledWorkerState } from '../pool/pooled-worker.ts'
import type { WorkerBudget } from '../pool/worker-budget.ts'
import { WorkerGroup } from '../pool/worker-group.ts'
import type { MetricsRegistry } from '../telemetry/counters.ts'
import type { UsageRegistry } from '../telemetry/usage.ts'
import type { WorkerFactory, WorkerLog, WorkerSpec } from '../worker/worker.ts'
import { FunctionMeter } from './meter.ts'
import { Previews } from './previews.ts'
import type { Route, RouteSplit, Tenant } from './route.ts'

/** Why the workers of a version end that was loaded for nothing. */
const NOT_USED = 'its version was not activated'

/** A function version with everything that its requests and workers need. */
export interface ActiveVersion {
  spec: WorkerSpec
  /** Asked again when the service's settings have changed. */
  settings(): VersionSettings
}

/** Several versions that share the requests of a function. */
export interface ActiveSplit {
  versions: { version: ActiveVersion; weight: number }[]
  stickyHeader: string | undefined
}

/** What a function serves: the version with the highest weight, and what shares its requests with it. */
export interface ActiveDeployment extends ActiveVersion {
  split?: ActiveSplit | undefined
}

/** The settings of a version; what its deployment does not set is the service's. */
export interface VersionSettings {
  timeoutMs: number
  maxWorkers: number
  concurrency: number
  retry: boolean
  exposeErrors: boolean
  /** Workers that are kept while it is idle; those of the pool limits unless set. */
  minWorkers?: number
}

/** Where the router looks up functions: once for each function, when its first request arrives. */
export interface FunctionSource {
  /** Undefined: the function does not exist. `undeployed`: it has no active version. */
  active(name: string, project: string): ActiveDeployment | 'undeployed' | undefined
  /** A version for a preview. Undefined: it does not exist, or its function has no previews. */
  preview(name: string, version: string, project: string): ActiveVersion | undefined
  /** What applies to a function whatever its version. */
  rules(name: string, project: string): FunctionRules
  /** The state of a project that has functions. */
  tenant(project: string): Omit<Tenant, 'workers'>
}

export interface RouterOptions {
  source: FunctionSource
  launcher: WorkerFactory
  budget: WorkerBudget
  counters: MetricsRegistry
  usage: UsageRegistry
  ledger: Ledger
  /** The limits of the installation, as they are now. */
  installation(): Limits
  /** The limits of a route may have quotas, of which an earlier process used a part. */
  onQuotas(gate: Gate): void
  /** Limits of every pool; a version's own settings override some of them. */
  poolLimits: PoolLimits
  /** Longest time that `prepare` waits for a worker, including the wait for room in the budget. */
  startTimeoutMs: number
  log(spec: WorkerSpec, entry: WorkerLog, requestId: string | undefined): void
  /** A worker was lost with a request, which goes to another worker. */
  retried(spec: WorkerSpec, requestId: string, error: FunctionError): void
}

/** A version that has a ready worker and receives no requests yet. */
export interface PreparedVersion {
  /** Sends the function's requests to this version; the previous one finishes what it has. */
  activate(): void
  /** Drops the version, which was not activated. */
  discard(): void
}

/** What a pool needs besides itself. */
interface InUse {
  /** Applies the current settings. */
  configure(): void
  /** The pool counts nothing any more. */
  release(): void
}

/** Maps a function's name to its active version and that version's pool. */
export class Router {
  readonly #options: RouterOptions
  /** By `keyOf`. */
  readonly #routes = new Map<string, Route>()
  readonly #previews = new Previews((pool, reason) => this.#retire(pool, reason))
  /** The projects of the routes, by name. */
  readonly #tenants = new Map<string, Tenant>()
  /** Pools that are out of service and finish the requests that they have. */
  readonly #closing = new Set<Pool>()
  /** By pool, until its last worker is gone. */
  readonly #inUse = new Map<Pool, InUse>()
  #poolLimits: PoolLimits

  constructor(options: RouterOptions) {
    this.#options = options
    this.#poolLimits = options.poolLimits
  }

  /** Applies other limits, and the current settings of each version, to its next requests. */
  configure(poolLimits: PoolLimits): void {
    this.#poolLimits = poolLimits
    for (const { configure } of this.#inUse.values()) configure()
    this.#previews.end()
  }

  /**
   * Returns the route for a request to this function.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND, FUNCTION_NOT_DEPLOYED
   */
  route(name: string, project: string = DEFAULT_PROJECT): Route {
    return this.#routes.get(keyOf(name, project)) ?? this.#load(name, project)
  }

  /**
   * Returns the route for a request to one version of a function, whatever its share of the requests.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND, also if the function has no previews; OVERLOADED
   */
  preview(name: string, version: string, project: string = DEFAULT_PROJECT): Route {
    const known = this.#previews.get(name, version, project)
    if (known !== undefined) return known
    const found = this.#options.source.preview(name, version, project)
    if (found === undefined) throw notFound(`${name}@${version}`, project)
    this.#previews.makeRoom(name, project)
    const settings = () => ({ ...found.settings(), maxWorkers: 1, minWorkers: 0 })
    const route = this.#newRoute({ ...found, settings }, true)
    this.#previews.add(route)
    return route
  }

  /** Ends the previews of a function: a version may be gone, or its variables are other ones. */
  endPreviews(name: string, project: string): void {
    this.#previews.endOf(name, project)
  }

  /**
   * Starts a worker of a version, before a deployment or a rollback activates it.
   *
   * @throws {FunctionError} why its bundle did not load, or why no worker of it started
   */
  async prepare(version: ActiveVersion): Promise<PreparedVersion> {
    const route = await this.#ready(version)
    return {
      activate: () => this.#activate(route, [route]),
      discard: () => this.#retire(route.pool, NOT_USED),
    }
  }

  /**
   * Starts a worker of each version that does not serve the function with the same variables already.
   *
   * @throws {FunctionError} as `prepare`: nothing has changed then
   */
  async prepareSplit({ versions, stickyHeader }: ActiveSplit): Promise<PreparedVersion> {
    const fresh: Route[] = []
    const discard = () => {
      for (const { pool } of fresh) this.#retire(pool, NOT_USED)
    }
    const routes: Route[] = []
    try {
      for (const { version } of versions) {
        const live = this.#live(version)
        const route = live ?? (await this.#ready(version))
        if (live === undefined) fresh.push(route)
        routes.push(route)
      }
    } catch (error) {
      discard()
      throw error
    }
    const weights = versions.map(({ weight }) => weight)
    const activate = () => {
      // A live one may have been retired meanwhile, by a change of limits.
      const next = routes.map((route, at) => {
        return this.#closing.has(route.pool)
          ? this.#newRoute((versions[at] as (typeof versions)[0]).version)
          : route
      })
      this.#activate(heaviestOf(next, weights), next, weights, stickyHeader)
    }
    return { activate, discard }
  }

  #activate(
    active: Route,
    routes: readonly Route[],
    weights: readonly number[] = [],
    stickyHeader?: string,
  ): void {
    const key = keyOf(active.functionName, active.project)
    const before = this.#routes.get(key)
    const replaced = before === undefined ? [] : routesOf(before)
    const split = routes.length === 1 ? undefined : { routes, weights, stickyHeader }
    for (const route of routes) route.split = split
    this.#routes.set(key, active)
    for (const route of replaced)
      if (!routes.includes(route)) this.#retire(route.pool, 'another version replaced it')
    this.#previews.endOf(active.functionName, active.project)
    // What they were prepared with may have changed meanwhile.
    for (const { pool } of routes) this.#inUse.get(pool)?.configure()
  }

  /** The route of a version that serves its function now, with the same variables. */
  #live({ spec }: ActiveVersion): Route | undefined {
    const active = this.#routes.get(keyOf(spec.functionName, spec.project))
    if (active === undefined) return undefined
    return routesOf(active).find(
      ({ version, pool }) => version === spec.version && sameVariables(pool.spec, spec),
    )
  }

  async #ready(version: ActiveVersion): Promise<Route> {
    const route = this.#newRoute(version)
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      const ms = this.#options.startTimeoutMs
      timer = setTimeout(() => reject(notReady(version.spec, ms)), ms)
    })
    try {
      await Promise.race([route.pool.warm(), late])
    } catch (error) {
      this.#retire(route.pool, NOT_USED)
      throw error
    } finally {
      clearTimeout(timer)
    }
    return route
  }

  /** Forgets a function. Its running requests finish; its next request asks the source again. */
  forget(
    name: string,
    project: string = DEFAULT_PROJECT,
    reason = 'its version is not active any more',
  ): void {
    this.#previews.endOf(name, project)
    const key = keyOf(name, project)
    const route = this.#routes.get(key)
    if (route === undefined) return
    this.#routes.delete(key)
    for (const { pool } of routesOf(route)) this.#retire(pool, reason)
  }

  /** Applies the state and the limits of a project to its next requests. */
  projectDeleted(project: string): void {
    this.#tenants.delete(project)
  }

  /** Applies the state of a project to its next requests. */
  projectChanged(project: string): void {
    const tenant = this.#tenants.get(project)
    if (tenant === undefined) return
    Object.assign(tenant, this.#options.source.tenant(project))
    this.#sizeGroup(tenant)
    this.#configureIf((spec) => spec.project === project)
    this.#previews.end((route) => route.project === project)
  }

  /** Applies what has changed of a function, whatever its version, to its next requests. */
  functionChanged(name: string, project: string): void {
    this.#configureIf((spec) => spec.project === project && spec.functionName === name)
    this.#previews.endOf(name, project)
  }

  /** Forgets the functions that serve something else by now, because another process changed them. */
  refresh(): void {
    this.#previews.end()
    for (const route of [...this.#routes.values()]) {
      if (!this.#isCurrent(route)) this.forget(route.functionName, route.project)
    }
    for (const project of this.#tenants.keys()) this.projectChanged(project)
  }

  #isCurrent(route: Route): boolean {
    try {
      const active = this.#options.source.active(route.functionName, route.project)
      if (typeof active !== 'object' || active.spec.version !== route.version) return false
      return sameSplit(route.split, active.split) && sameVariables(active.spec, route.pool.spec)
    } catch {
      // Its secrets cannot be decrypted: its next request reports why.
      return false
    }
  }

  /** Every pool that may have workers. */
  *pools(): Iterable<Pool> {
    for (const route of this.#routes.values()) {
      for (const { pool } of routesOf(route)) yield pool
    }
    yield* this.#previews.pools()
    yield* this.#closing
  }

  /** The number of workers in each state, and the number of requests that wait for a worker. */
  load(): { workers: Record<PooledWorkerState, number>; queued: number } {
    const workers = { starting: 0, ready: 0, busy: 0, draining: 0, gone: 0 }
    let queued = 0
    for (const pool of this.pools()) {
      queued += pool.queued
      for (const { state } of pool.workers) workers[state]++
    }
    return { workers, queued }
  }

  /**
   * Takes all functions out of service; resolves when the last worker is gone.
   *
   * @param graceMs time that the workers have to finish
   */
  async close(graceMs: number): Promise<void> {
    const reason = 'the service stops'
    this.#previews.end(() => true, reason)
    for (const { functionName, project } of [...this.#routes.values()])
      this.forget(functionName, project, reason)
    await Promise.all([...this.#closing].map((pool) => pool.close(graceMs, reason)))
  }

  /** Ends every worker now. */
  kill(reason: FunctionError): void {
    for (const pool of [...this.pools()]) pool.kill(reason)
  }

  #load(name: string, project: string): Route {
    const version = this.#options.source.active(name, project)
    if (version === undefined) throw notFound(name, project)
    if (version === 'undeployed') {
      const label = functionLabel(name, project)
      const message = `Function '${label}' has no active version. Deploy one first.`
      throw new FunctionError('FUNCTION_NOT_DEPLOYED', message)
    }
    const { versions, stickyHeader } = version.split ?? ALONE
    if (versions.length === 0) {
      const route = this.#newRoute(version)
      this.#routes.set(keyOf(name, project), route)
      return route
    }
    const routes = versions.map((each) => this.#newRoute(each.version))
    const weights = versions.map(({ weight }) => weight)
    const active = heaviestOf(routes, weights)
    this.#activate(active, routes, weights, stickyHeader)
    return active
  }

  #configureIf(concerns: (spec: WorkerSpec) => boolean): void {
    for (const [pool, { configure }] of [...this.#inUse]) {
      if (concerns(pool.spec)) configure()
    }
  }

  /** The limits of a function, from the installation to its own. */
  #scopes({ project, functionName }: WorkerSpec, rules: FunctionRules): Scope[] {
    const { installation } = this.#options
    const name = `${project}/${functionName}`
    return [
      { level: 'installation', name: '', limits: installation() },
      { level: 'project', name: project, limits: this.#tenant(project).limits },
      { level: 'function', name, limits: limitsOf(rules.limits) },
    ]
  }

  #newRoute(version: ActiveVersion, preview = false): Route {
    const meter = new FunctionMeter(
      this.#options.usage.of(version.spec.project, version.spec.functionName),
    )
    const { source, launcher, budget, counters, log, retried } = this.#options
    const rules = source.rules(version.spec.functionName, version.spec.project)
    const scopes = this.#scopes(version.spec, rules)
    const spec = { ...version.spec, capabilities: withMemory(version.spec, scopes), meter }
    const held = counters.hold(spec)
    const versionCounters = held.counters
    const events: PoolEvents = {
      log(entry, requestId) {
        if (entry.dropped === undefined) meter.usage.logged(Buffer.byteLength(entry.message))
        log(spec, entry, requestId)
      },
      retried(requestId, error) {
        versionCounters.retries++
        retried(spec, requestId, error)
      },
      onCrash(error) {
        const violation = sandboxViolation(error)
        if (violation === undefined) return
        versionCounters.sandboxKills++
        const { code, message } = violation
        log(
          spec,
          { invocation: undefined, level: 'error', message: `${code}: ${message}` },
          undefined,
        )
      },
    }
    const settings = version.settings()
    const tenant = this.#tenant(spec.project)
    const poolLimits = this.#limitsOf(settings, scopes)
    const pool = new Pool(spec, poolLimits, launcher, budget, events, tenant.workers)
    const route: Route = {
      project: spec.project,
      functionName: spec.functionName,
      tenant,
      version: spec.version,
      pool,
      counters: versionCounters,
      meter,
      timeoutMs: settings.timeoutMs,
      cpuMs: cpuOf(spec, scopes),
      retry: settings.retry,
      exposeErrors: settings.exposeErrors,
      preview,
      split: undefined,
      rules,
    }
    this.#setGate(meter, scopes)
    const configure = () => {
      const current = version.settings()
      route.rules = source.rules(spec.functionName, spec.project)
      const changed = this.#scopes(spec, route.rules)
      route.timeoutMs = current.timeoutMs
      route.cpuMs = cpuOf(spec, changed)
      this.#setGate(meter, changed)
      pool.configure(this.#limitsOf(current, changed))
      // A worker gets its memory at its start.
      const sameMemory = withMemory(version.spec, changed).maxMemory === spec.capabilities.maxMemory
      const active = this.#routes.get(keyOf(spec.functionName, spec.project))
      if (!sameMemory && active !== undefined && routesOf(active).includes(route))
        this.forget(spec.functionName, spec.project, 'its function may use other memory')
    }
    this.#inUse.set(pool, { configure, release: held.release })
    return route
  }

  #tenant(project: string): Tenant {
    const known = this.#tenants.get(project)
    if (known !== undefined) return known
    const state = this.#options.source.tenant(project)
    const tenant = { ...state, workers: new WorkerGroup() }
    this.#tenants.set(project, tenant)
    this.#sizeGroup(tenant)
    return tenant
  }

  #sizeGroup({ workers, limits }: Tenant): void {
    this.#options.budget.resizeGroup(workers, limits.workers ?? Number.POSITIVE_INFINITY)
  }

  #setGate(meter: FunctionMeter, scopes: readonly Scope[]): void {
    meter.gate = Gate.of(scopes, this.#options.ledger)
    if (meter.gate !== undefined && meter.gate.quotas.length > 0) this.#options.onQuotas(meter.gate)
  }

  #limitsOf(settings: VersionSettings, scopes: readonly Scope[]): PoolLimits {
    const { concurrency } = settings
    const allowed = lowest(scopes, 'workers')?.value ?? settings.maxWorkers
    const maxWorkers = Math.min(settings.maxWorkers, allowed)
    const minWorkers = Math.min(settings.minWorkers ?? this.#poolLimits.minWorkers, maxWorkers)
    return { ...this.#poolLimits, minWorkers, maxWorkers, concurrency }
  }

  #retire(pool: Pool, reason: string): void {
    this.#closing.add(pool)
    void pool.close(pool.limits.drainMs, reason).then(() => {
      this.#closing.delete(pool)
      this.#inUse.get(pool)?.release()
      this.#inUse.delete(pool)
    })
  }
}

const ALONE: ActiveSplit = { versions: [], stickyHeader: undefined }

/** Every route of the function that a route belongs to. */
function routesOf(route: Route): readonly Route[] {
  return route.split?.routes ?? [route]
}

/** Of equal ones the first, which is the oldest, as in the database. */
function heaviestOf(routes: readonly Route[], weights: readonly number[]): Route {
  return routes[weights.indexOf(Math.max(...weights))] as Route
}

function sameVariables(one: WorkerSpec, other: WorkerSpec): boolean {
  return Bun.deepEquals([one.env, one.secrets], [other.env, other.secrets])
}

function sameSplit(now: RouteSplit | undefined, next: ActiveSplit | undefined): boolean {
  const shares = now?.routes.map(({ version }, at) => [version, now.weights[at]])
  const wanted = next?.versions.map(({ version, weight }) => [version.spec.version, weight])
  return Bun.deepEquals([shares, now?.stickyHeader], [wanted, next?.stickyHeader])
}

/** A version may use less memory than the limits allow, not more. */
function withMemory({ capabilities }: WorkerSpec, scopes: readonly Scope[]): Capabilities {
  const allowed = lowest(scopes, 'memory')?.value ?? capabilities.maxMemory
  return { ...capabilities, maxMemory: Math.min(capabilities.maxMemory, allowed) }
}

/** CPU time of one request. */
function cpuOf({ capabilities }: WorkerSpec, scopes: readonly Scope[]): number {
  return Math.min(capabilities.maxCpu, lowest(scopes, 'cpu')?.value ?? capabilities.maxCpu)
}

/** A path may spell any name; only names without a slash are in the map. */
function keyOf(name: string, project: string): string {
  return `${project}/${name}`
}

function notFound(name: string, project: string): FunctionError {
  const message = `Function '${functionLabel(name, project)}' does not exist.`
  return new FunctionError('FUNCTION_NOT_FOUND', message)
}

function notReady({ functionName, version }: WorkerSpec, ms: number): FunctionError {
  const message = `Version '${version}' of function '${functionName}' was not activated: no worker of it was ready within ${ms} ms. Check that the bundle loads faster than this, and that the service has room for another worker (pool.max_workers).`
  return new FunctionError('WORKER_START_FAILED', message)
}
