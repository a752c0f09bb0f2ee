/** Acquires what a service needs, in order, and joins the rooms. */
import { resolve } from 'node:path'
import type { Server } from 'bun'
import { createApi } from '../admin/api.ts'
import type { ServiceControl } from '../admin/control.ts'
import { Operations } from '../admin/operations.ts'
import { BundleStore } from '../bundles/bundle-store.ts'
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
import type { WorkerLauncher } from '../worker/worker.ts'
import { serviceControl } from './control.ts'
import { newEgress } from './egress.ts'
import { onPort, onSocket } from './listen.ts'
import { engineReader, type OwnParts, startLauncher } from './native-programs.ts'
import { poolLimits } from './pool-limits.ts'
import { writeServiceFile } from './service-file.ts'
import { VersionSource } from './version-source.ts'

/** Starting a version for a switch, a wait for room among all workers included. */
const VERSION_START_MS = 60_000
/** Workers of all functions: most of a start is work of ours, and there is one thread for it. */
const STARTS_AT_ONCE = 1
/** How long work that a handler passed to `waitUntil` may run on after the end of the response. */
const WAIT_UNTIL_MS = 30_000

/** What whoever starts a service brings along. */
export interface ServiceParts {
  log: ServiceLog
  /** What this process has of the machine beside its data directory. */
  own?: OwnParts
  /** For a test that holds the start of processes in its hand. */
  launcher?: typeof startLauncher
}

/** The parts of a running service. */
export interface Wired {
  config: Config
  log: ServiceLog
  lock: DataDirLock
  store: MetadataStore
  telemetry: Telemetry
  egress: Egress
  launcher: WorkerLauncher
  router: Router
  gateway: Gateway
  control: ServiceControl
  management: Server<undefined>
}

/** Steps back, for a start that fails halfway. */
export type Undo = (() => unknown)[]

/** @param undo takes a step for each thing that was taken */
export async function wire(config: Config, parts: ServiceParts, undo: Undo): Promise<Wired> {
  const { log } = parts
  const { dataDir, socket } = config.server
  const lock = takeLock(dataDir)
  undo.push(() => lock.release())
  const store = MetadataStore.open(dataDir)
  undo.push(() => store.close())
  const telemetry = newTelemetry(config, log)
  undo.push(() => telemetry.close())
  const egress = newEgress(config, telemetry.counters)
  undo.push(() => egress.close())
  const launcher = await (parts.launcher ?? startLauncher)(config, log, egress, parts.own)
  undo.push(() => launcher.close())
  const warm = launcher.warm()
  // Both are waited for further down: until then a failure of theirs is nobody's.
  warm.catch(() => {})
  store.readAhead()
  const bundles = new BundleStore(dataDir)
  const swept = bundles.sweep(store.bundlePaths())
  swept.catch(() => {})
  const versions = new VersionSource(store, bundles, config)
  const router = newRouter(config, versions, launcher, telemetry)
  const { host, port } = config.server
  const gateway = onPort(host, port, () => newGateway(config, log, router, telemetry))
  undo.push(() => gateway.stop(new FunctionError('SHUTTING_DOWN', 'The start failed.')))
  const control = serviceControl(router, versions)
  const operations = new Operations({
    store,
    bundles,
    control,
    serving: true,
    defaultRuntime: config.worker.runtime,
    engine: engineReader(config),
  })
  const onBug = (error: unknown) =>
    log.error('internal error while handling a management request', error)
  const answer = createApi({ store, operations, control, onBug })
  // No deployment may come before it has looked.
  await swept
  const management = await onSocket(socket, (unix) => listen(unix, answer))
  undo.push(() => management.stop(true))
  await warm
  writeServiceFile(dataDir, { pid: process.pid, socket: resolve(socket), url: gateway.url })
  gateway.ready()
  return {
    ...{ config, log, lock, store, telemetry, egress, launcher, router, gateway, control },
    management,
  }
}

function takeLock(dataDir: string): DataDirLock {
  const lock = tryLockDataDir(dataDir)
  if (lock !== undefined) return lock
  const message = `Another process holds the lock of the data directory ${dataDir}: a service is already running on it.`
  throw new FunctionError('CONFLICT', message)
}

function newTelemetry({ server, logs, metrics }: Config, serviceLog: ServiceLog): Telemetry {
  return new Telemetry({
    dataDir: server.dataDir,
    logs: { maxAgeMs: logs.retention, maxBytes: logs.maxSize },
    metrics: { maxAgeMs: metrics.retention, maxBytes: metrics.maxSize },
    serviceLog,
  })
}

function newRouter(
  config: Config,
  source: VersionSource,
  launcher: WorkerLauncher,
  telemetry: Telemetry,
): Router {
  return new Router({
    source,
    launcher,
    budget: new WorkerBudget(config.pool.maxWorkers, systemClock, STARTS_AT_ONCE),
    counters: telemetry.counters,
    poolLimits: poolLimits(config),
    startTimeoutMs: VERSION_START_MS,
    log: (spec, entry, requestId) => telemetry.log(spec, entry.level, requestId, entry.message),
  })
}

function newGateway(
  { server }: Config,
  log: ServiceLog,
  router: Router,
  telemetry: Telemetry,
): Gateway {
  const startedAt = performance.now()
  const gateway: Gateway = new Gateway({
    hostname: server.host,
    port: server.port,
    maxBodyBytes: server.maxBody,
    limits: {
      streamIdleMs: server.streamIdleTimeout,
      maxDurationMs: server.maxDuration,
      waitUntilMs: WAIT_UNTIL_MS,
    },
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
    backgroundCancelled: (route, requestId) => {
      const seconds = WAIT_UNTIL_MS / 1000
      const message = `waitUntil did not settle within ${seconds} s and was cancelled`
      telemetry.log(route, 'warn', requestId, message)
    },
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
      // A deployment may take longer than a silent connection is left open otherwise.
      server.timeout(request, 0)
      return answer(request)
    },
  })
}
