/** Acquires the resources of a service in order and connects its components. */
import { resolve } from 'node:path'
import type { Server } from 'bun'
import { createApi } from '../admin/api.ts'
import type { ServiceControl } from '../admin/control.ts'
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
import { type DataDirLock, tryLockDataDir } from '../metadata/lock.ts'
import { MetadataStore } from '../metadata/store.ts'
import { WorkerBudget } from '../pool/worker-budget.ts'
import { Router } from '../router/router.ts'
import { prometheusText } from '../telemetry/prometheus.ts'
import type { ServiceLog } from '../telemetry/service-log.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import type { WorkerFactory } from '../worker/worker.ts'
import { serviceControl } from './control.ts'
import { descriptorLimit, descriptorWarning } from './descriptor-limit.ts'
import { newEgress } from './egress.ts'
import { Housekeeping } from './housekeeping.ts'
import { gatewayLimits, poolLimits, retentionPolicy, telemetryLimits } from './limits.ts'
import { onPort, onSocket } from './listen.ts'
import { engineReader, type HostResources, startLauncher } from './native-programs.ts'
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
}

/** The components of a running service. */
export interface Components {
  /** What the service runs with; a reload changes it in place. */
  config: Config
  log: ServiceLog
  lock: DataDirLock
  store: MetadataStore
  telemetry: Telemetry
  egress: Egress
  launcher: WorkerFactory
  budget: WorkerBudget
  router: Router
  gateway: Gateway
  control: ServiceControl
  management: Server<undefined>
  housekeeping: Housekeeping
}

/** Releases what was acquired, in the order of acquisition; a start that fails runs it backwards. */
export type Rollback = (() => unknown)[]

/** @param rollback gets one step for each resource that is acquired */
export async function compose(
  config: Config,
  options: ServiceOptions,
  rollback: Rollback,
): Promise<Components> {
  const { log } = options
  const { dataDir, socket } = config.server
  const lock = takeLock(dataDir)
  rollback.push(() => lock.release())
  const store = MetadataStore.open(dataDir)
  rollback.push(() => store.close())
  const telemetry = newTelemetry(config, log)
  rollback.push(() => telemetry.close())
  const egress = newEgress(config, telemetry.counters)
  rollback.push(() => egress.close())
  const launcher = await (options.launcher ?? startLauncher)(config, log, egress, options.host)
  rollback.push(() => launcher.close())
  const warm = launcher.warm()
  // Both promises are awaited below. Until then a rejection must not count as unhandled.
  warm.catch(() => {})
  store.readAhead()
  const bundles = new BundleStore(dataDir)
  const remover = new BundleRemover(dataDir, (...bundle) => store.refersTo(...bundle))
  const recovered = remover.recover()
  recovered.catch(() => {})
  const versions = new VersionSource(store, bundles, config)
  const budget = new WorkerBudget(config.pool.maxWorkers, systemClock, STARTS_AT_ONCE)
  const router = newRouter(config, versions, launcher, budget, telemetry)
  const { host, port } = config.server
  const gateway = onPort(host, port, () => newGateway(config, log, router, telemetry))
  rollback.push(() =>
    gateway.stop(new FunctionError('SHUTTING_DOWN', 'The service failed to start.')),
  )
  const control = serviceControl(router, versions)
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
  })
  const onBug = (error: unknown) =>
    log.error('internal error while handling a management request', error)
  const housekeeping = new Housekeeping({ dataDir, store, remover, operations, log, policy })
  rollback.push(() => housekeeping.stop())
  const answer = createApi({
    store,
    operations,
    control,
    retention: policy,
    hold: (request) =>
      housekeeping.hold(request, { dataDir: resolve(dataDir), settings: settingsOf(config) }),
    onBug,
  })
  // A deployment must not begin before this ends, which would delete its bundle.
  await recovered
  const management = await onSocket(socket, (unix) => listen(unix, answer))
  rollback.push(() => management.stop(true))
  await warm
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
    lock,
    store,
    telemetry,
    egress,
    launcher,
    budget,
    router,
    gateway,
    control,
    management,
    housekeeping,
  }
}

function takeLock(dataDir: string): DataDirLock {
  const lock = tryLockDataDir(dataDir)
  if (lock !== undefined) return lock
  const message = `Another process holds the lock of the data directory ${dataDir}: a service is already running on it, or a command is changing it.`
  throw new FunctionError('CONFLICT', message)
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
): Router {
  return new Router({
    source,
    launcher,
    budget,
    counters: telemetry.counters,
    poolLimits: poolLimits(config),
    startTimeoutMs: VERSION_START_MS,
    log(spec, { level, message, dropped }, requestId) {
      if (dropped === undefined) telemetry.log(spec, level, requestId, message)
      else telemetry.logLinesDropped(spec, dropped, 'the function logs too fast')
    },
    retried: (spec, requestId, error) => telemetry.retried(spec, requestId, error),
  })
}

function newGateway(
  config: Config,
  log: ServiceLog,
  router: Router,
  telemetry: Telemetry,
): Gateway {
  const startedAt = performance.now()
  const gateway: Gateway = new Gateway({
    hostname: config.server.host,
    port: config.server.port,
    limits: gatewayLimits(config),
    clock: systemClock,
    route: (name) => router.route(name),
    metrics: () =>
      prometheusText(telemetry.counters, {
        ...router.load(),
        inFlight: gateway.inFlight,
        residentBytes: process.memoryUsage.rss(),
        uptimeSeconds: (performance.now() - startedAt) / 1000,
      }),
    onFinished: () => telemetry.counted(),
    failed: (route, requestId, error) => telemetry.failed(route, requestId, error),
    noted: (route, requestId, level, message) => telemetry.log(route, level, requestId, message),
    onBug: (error) => log.error('internal error while handling a request', error),
  })
  return gateway
}

function listen(
  unix: string,
  answer: (request: Request) => Response | Promise<Response>,
): Server<undefined> {
  return Bun.serve({
    unix,
    development: false,
    fetch(request, server) {
      // A deployment may take longer than the default idle timeout of a connection.
      server.timeout(request, 0)
      return answer(request)
    },
  })
}
