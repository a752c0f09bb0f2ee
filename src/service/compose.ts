/** Acquires the resources of a service in order and connects its components. */
import { join, resolve } from 'node:path'
import { type Api, createApi } from '../admin/api.ts'
import type { ServiceControl } from '../admin/control.ts'
import type { Lifecycle } from '../admin/lifecycle.ts'
import { Operations } from '../admin/operations.ts'
import { BundleRemover } from '../bundles/bundle-remover.ts'
import { BundleStore } from '../bundles/bundle-store.ts'
import { settingsOf } from '../config/keys.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Egress } from '../egress/egress.ts'
import { FunctionError } from '../errors.ts'
import { Gateway } from '../gateway/gateway.ts'
import { systemClock } from '../lib/clock.ts'
import { QueryThread } from '../lib/query-thread.ts'
import { accountsOf } from '../limits/gate.ts'
import { type Ledger, LocalLedger } from '../limits/ledger.ts'
import { limitsOf } from '../limits/names.ts'
import { AuditReader } from '../metadata/audit-reader.ts'
import { functionLabel } from '../metadata/records.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { WorkerBudget } from '../pool/worker-budget.ts'
import { HostTable } from '../router/host-table.ts'
import { Router } from '../router/router.ts'
import { prometheusText } from '../telemetry/prometheus.ts'
import type { ServiceLog } from '../telemetry/service-log.ts'
import { METRICS_FILE, Telemetry } from '../telemetry/telemetry.ts'
import { UsageReader } from '../telemetry/usage-reader.ts'
import type { WorkerFactory } from '../worker/worker.ts'
import { serviceControl } from './control.ts'
import { CredentialAudit } from './credential-audit.ts'
import { type DataDirectory, openData, type Rollback, takeOverData } from './data-directory.ts'
import { descriptorLimit, descriptorWarning } from './descriptor-limit.ts'
import { newEgress } from './egress.ts'

import { loadHosts } from './hosts.ts'
import { Housekeeping } from './housekeeping.ts'
import { InvokerAccess } from './invoker-access.ts'
import {
  domainPatterns,
  gatewayLimits,
  maxWorkers,
  poolLimits,
  retentionPolicy,
  telemetryLimits,
} from './limits.ts'
import { ManagementSocket, onPort } from './listen.ts'
import { newManagementListener } from './management-listener.ts'
import { engineReader, type HostResources, startLauncher } from './native-programs.ts'
import type { Predecessor } from './predecessor.ts'
import { QuotaHistory } from './quota-history.ts'
import { type Held, Restarter } from './restarter.ts'
import { writeServiceFile } from './service-file.ts'
import { VersionSource } from './version-source.ts'

/**
 * Maximum time to start a version before it goes live, the wait for a free worker slot included,
 * ms.
 */
const VERSION_START_MS = 60_000
/** Worker starts at the same time, of all functions: most of a start is work on this one thread. */
const STARTS_AT_ONCE = 1

export interface ServiceOptions {
  log: ServiceLog
  /** Host resources beside the data directory. */
  host?: HostResources
  /** Reads the configuration again at SIGHUP; without it there is nothing to reload. */
  reload?: (() => LoadedConfig) | undefined
  /** Replaces the real launcher in tests. */
  launcher?: typeof startLauncher
  /** FUNCTIONS_SECRET_KEY. */
  secretKey?: string | undefined
  /** The service that this one takes over from. */
  predecessor?: Predecessor | undefined
  /** Another process is the service now. */
  continuesIn?: ((pid: number) => void) | undefined
}

/** The components of a running service. */
export interface Components {
  /** What the service runs with; a reload changes it in place. */
  config: Config
  log: ServiceLog
  held: Held
  store: MetadataStore
  telemetry: Telemetry
  egress: Egress
  launcher: WorkerFactory
  budget: WorkerBudget
  router: Router
  gateway: Gateway
  control: ServiceControl
  queries: QueryThread
  housekeeping: Housekeeping
  restarter: Restarter
}

/** @param rollback gets one step for each resource that is acquired */
export async function compose(
  config: Config,
  options: ServiceOptions,
  rollback: Rollback,
): Promise<Components> {
  const { log } = options
  const { dataDir, socket } = config.server
  const { predecessor } = options
  const keySource = { file: config.secrets.keyFile, given: options.secretKey }
  const data = predecessor === undefined ? openData(dataDir, keySource, rollback) : undefined
  const telemetry = newTelemetry(config, log)
  rollback.push(() => telemetry.close())
  let credentials: CredentialAudit | undefined
  const egress = newEgress(config, telemetry.counters, log, (subject, use) =>
    credentials?.note(subject, use),
  )
  rollback.push(() => egress.close())
  const launcher = await (options.launcher ?? startLauncher)(config, log, egress, options.host)
  rollback.push(() => launcher.close())
  const warm = launcher.warm()
  // Both promises are awaited below. Until then a rejection must not count as unhandled.
  warm.catch(() => {})
  const { lock, store } =
    predecessor === undefined
      ? (data as DataDirectory)
      : await takeOverData(dataDir, keySource, predecessor, warm, rollback)
  store.readAhead()
  reportUnreadable(store, log)
  credentials = new CredentialAudit(store.audit)
  const bundles = new BundleStore(dataDir)
  const remover = new BundleRemover(dataDir, (...bundle) => store.refersTo(...bundle))
  const recovered = remover.recover()
  recovered.catch(() => {})
  const versions = new VersionSource(store, bundles, config)
  const budget = new WorkerBudget(maxWorkers(config), systemClock, STARTS_AT_ONCE)
  const queries = new QueryThread()
  rollback.push(() => queries.close())
  const usage = new UsageReader(queries, join(dataDir, METRICS_FILE), () => telemetry.flushUsage())
  const ledger = new LocalLedger({ now: () => performance.now(), date: () => Date.now() })
  const history = new QuotaHistory(ledger, usage, (error) =>
    log.error('quotas begin anew, as what was used before cannot be read', error),
  )
  const router = newRouter(config, versions, launcher, budget, telemetry, ledger, history)
  const hosts = new HostTable()
  loadHosts(hosts, store.routes)
  const { host, port } = config.server
  const gateway = onPort(host, port, () =>
    newGateway({ config, log, router, hosts, store, telemetry, ledger }, predecessor !== undefined),
  )
  rollback.push(() =>
    gateway.stop(new FunctionError('SHUTTING_DOWN', 'The service failed to start.')),
  )
  const control = serviceControl(router, versions, hosts, store, (project) => {
    for (const prefix of accountsOf(project)) ledger.forget(prefix)
    return telemetry.projectDeleted(project)
  })
  const policy = () => retentionPolicy(config)
  const operations = new Operations({
    store,
    bundles,
    remover,
    control,
    serving: true,
    defaultRuntime: config.worker.runtime,
    engine: engineReader(config),
    retention: policy,
    installation: () => limitsOf(config.limits),
  })
  const onBug = (error: unknown) =>
    log.error('internal error while handling a management request', error)
  const lifecycle: Lifecycle = {
    describe: () => restarter.describe(),
    restart: (request) => restarter.restart(request),
  }
  const housekeeping = new Housekeeping({
    dataDir,
    store,
    remover,
    operations,
    log,
    policy,
    auditRetention: () => config.audit.retention,
  })
  rollback.push(() => housekeeping.stop())
  const answer: Api = createApi({
    store,
    bundles,
    operations,
    control,
    usage,
    audit: new AuditReader(queries, dataDir),
    installation: () => limitsOf(config.limits),
    lifecycle,
    retention: policy,
    domains: () => domainPatterns(config),
    hold: (request) =>
      housekeeping.hold(request, { dataDir: resolve(dataDir), settings: settingsOf(config) }),
    metrics: () => figures(gateway, router, telemetry),
    onBug,
  })
  // A deployment must not begin before this ends, which would delete its bundle.
  await recovered
  const management =
    predecessor === undefined
      ? await ManagementSocket.listen(socket, answer)
      : ManagementSocket.beside(socket, answer)
  const listener = newManagementListener(
    { config, log, store, api: answer },
    predecessor?.managementFd,
  )
  rollback.push(() => listener?.stop(true))
  const held: Held = { lock, management, listener }
  const restarter = new Restarter(
    {
      config,
      log,
      gateway,
      operations,
      housekeeping,
      secretKey: options.secretKey,
      installed: predecessor?.installed ?? process.execPath,
      answer,
      watchChanges: () => void store.changedElsewhere(),
      continuesIn: (pid) => options.continuesIn?.(pid),
    },
    held,
  )
  rollback.push(() => management.stop(true))
  await warm
  if (predecessor !== undefined) {
    await takeOverClients(predecessor, gateway, management)
    // What changed after this process read it, while commands still reached the other one.
    loadHosts(hosts, store.routes)
    router.refresh()
  }
  try {
    writeServiceFile(dataDir, { pid: process.pid, socket: resolve(socket), url: gateway.url })
  } catch (error) {
    // On a full disk it serves all the same. Commands find it by its socket's default path.
    log.warn('commands may not find the service', { reason: (error as Error).message })
  }
  guardDescriptors(config, log, gateway)
  gateway.ready()
  housekeeping.start()
  return {
    config,
    log,
    held,
    store,
    telemetry,
    egress,
    launcher,
    budget,
    router,
    gateway,
    control,
    queries,
    housekeeping,
    restarter,
  }
}

/** Functions that the log names at most. */
const NAMED = 100

/** Functions whose secrets cannot be decrypted answer with an error; the others are served. */
function reportUnreadable(store: MetadataStore, log: ServiceLog): void {
  const unreadable = store.env.unreadable(NAMED)
  if (unreadable.length === 0) return
  const functions = unreadable.map(({ name, project }) => functionLabel(name, project)).join(', ')
  let why = 'other keys encrypted them: set them again'
  try {
    store.keys.current()
  } catch (error) {
    why = (error as Error).message
  }
  log.warn('functions are refused: their secrets cannot be decrypted', { functions, why })
}

/** The clients of the predecessor, and those of its management socket, reach this process from now on. */
async function takeOverClients(
  predecessor: Predecessor,
  gateway: Gateway,
  management: ManagementSocket,
): Promise<void> {
  // The service as a whole is ready all the time.
  gateway.ready()
  gateway.adopt(predecessor.listenerFd)
  await predecessor.adopted()
  await gateway.check()
  management.publish()
}

/** What /metrics shows. */
function figures(gateway: Gateway, router: Router, telemetry: Telemetry): string {
  const gauges = {
    ...router.load(),
    inFlight: gateway.inFlight,
    residentBytes: process.memoryUsage.rss(),
    uptimeSeconds: process.uptime(),
  }
  return prometheusText(telemetry.counters, gauges, telemetry.usage.allLimited)
}

function guardDescriptors(config: Config, log: ServiceLog, gateway: Gateway): void {
  const limit = descriptorLimit()
  const warning = descriptorWarning(config, limit)
  if (warning !== undefined) log.warn(warning)
  try {
    gateway.guardDescriptors(limit, (message, fields) => log.warn(message, fields))
  } catch (error) {
    log.error('the limit of open files is not guarded: at the limit, accepting fails', error)
  }
}

function newTelemetry(config: Config, serviceLog: ServiceLog): Telemetry {
  const { dataDir } = config.server
  return new Telemetry({ dataDir, limits: telemetryLimits(config), serviceLog })
}

function newRouter(
  config: Config,
  source: VersionSource,
  launcher: WorkerFactory,
  budget: WorkerBudget,
  telemetry: Telemetry,
  ledger: Ledger,
  history: QuotaHistory,
): Router {
  return new Router({
    source,
    launcher,
    budget,
    counters: telemetry.counters,
    usage: telemetry.usage,
    ledger,
    installation: () => limitsOf(config.limits),
    onQuotas: (gate) => history.restore(gate),
    poolLimits: poolLimits(config),
    startTimeoutMs: VERSION_START_MS,
    log(spec, { level, message, dropped }, requestId) {
      if (dropped === undefined) telemetry.log(spec, level, requestId, message)
      else telemetry.logLinesDropped(spec, dropped, 'the function logs too fast')
    },
    retried: (spec, requestId, error) => telemetry.retried(spec, requestId, error),
  })
}

interface GatewayParts {
  config: Config
  log: ServiceLog
  router: Router
  hosts: HostTable
  store: MetadataStore
  telemetry: Telemetry
  ledger: Ledger
}

function newGateway(parts: GatewayParts, adopts: boolean): Gateway {
  const { config, log, router, hosts, store, telemetry, ledger } = parts
  const invokers = new InvokerAccess(store.tokens, systemClock, ledger)
  return new Gateway({
    hostname: config.server.host,
    port: config.server.port,
    adopts,
    limits: gatewayLimits(config),
    clock: systemClock,
    hosts,
    refresh: () => {
      // While the last clients leave, another process deploys.
      if (store.changedElsewhere()) {
        router.refresh()
        store.tokens.forgetKnown()
        loadHosts(hosts, store.routes)
      }
    },
    route: (name, project) => router.route(name, project),
    preview: (name, version, project) => router.preview(name, version, project),
    authorize: (headers, project, address) => invokers.check(headers, project, address),
    onFinished: () => telemetry.counted(),
    failed: (route, requestId, error) => telemetry.failed(route, requestId, error),
    noted: (route, requestId, level, message) => telemetry.log(route, level, requestId, message),
    onBug: (error) => log.error('internal error while handling a request', error),
  })
}
