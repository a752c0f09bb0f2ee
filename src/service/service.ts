/** Wires the rooms into one running service: start, drain, stop. */
import { resolve } from 'node:path'
import type { Server } from 'bun'
import type { ServiceControl } from '../admin/control.ts'
import { BundleStore } from '../bundles/bundle-store.ts'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import { Gateway } from '../gateway/gateway.ts'
import { type DataDirLock, tryLockDataDir } from '../metadata/lock.ts'
import { MetadataStore } from '../metadata/store.ts'
import { Fleet } from '../pool/fleet.ts'
import { systemClock } from '../pool/job.ts'
import { Router } from '../router/router.ts'
import { prometheusText } from '../telemetry/prometheus.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import type { WorkerLauncher } from '../worker/worker.ts'
import { serviceControl } from './control.ts'
import { startLauncher } from './launcher.ts'
import { onPort, onSocket } from './listen.ts'
import { poolLimits } from './pool-limits.ts'
import { removeServiceFile, writeServiceFile } from './service-file.ts'
import { VersionSource } from './version-source.ts'

/** Starting a version for a switch, a wait for room among all workers included. */
const VERSION_START_MS = 60_000
/** From the end of a response until what its handler left running is cancelled. */
const WAIT_UNTIL_MS = 30_000
/** What workers without work have left to go by themselves when the service stops. */
const WORKERS_GO_MS = 1_000
/** Variables that `fetch` obeys, which would undo the checks of outbound requests. */
const PROXY_VARIABLE = /^(?:https?|all|no)_proxy$/i

/** Answers on the management socket. */
export type Management = (request: Request) => Response | Promise<Response>

/** What management is made from. */
export interface ManagementParts {
  config: Config
  store: MetadataStore
  bundles: BundleStore
  control: ServiceControl
  telemetry: Telemetry
}

export interface ServiceParts {
  management(parts: ManagementParts): Management
  log?: ServiceLog
  /** For a test that holds the start of processes in its hand. */
  launcher?: typeof startLauncher
}

/** One running service, on the data directory that it holds the lock of. */
export class Service {
  readonly url: string
  readonly #parts: Wired
  #stopping: Promise<void> | undefined

  private constructor(parts: Wired) {
    this.#parts = parts
    this.url = parts.gateway.url
  }

  /**
   * Starts a service; it takes requests when this resolves.
   *
   * @throws {FunctionError} in one sentence, why it cannot: the data directory, the port, the socket
   */
  static async start(config: Config, parts: ServiceParts): Promise<Service> {
    for (const name of Object.keys(process.env)) {
      if (PROXY_VARIABLE.test(name)) delete process.env[name]
    }
    const undo: (() => unknown)[] = []
    try {
      return new Service(await wire(config, parts, undo))
    } catch (error) {
      for (const step of undo.reverse()) await step()
      throw error
    }
  }

  /**
   * Takes no new work, finishes what is open within `server.shutdown_timeout`, ends every process
   * and writes what waits to be written.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const { config, log, gateway, management, router, launcher } = this.#parts
    log.info('stopping', { inFlight: gateway.inFlight })
    const reason = new FunctionError('SHUTTING_DOWN', 'The service is shutting down.')
    await within(config.server.shutdownTimeout, gateway.drain())
    await gateway.stop(reason)
    await management.stop(true)
    await within(WORKERS_GO_MS, router.close())
    router.kill(reason)
    await launcher.close()
    this.#parts.telemetry.close()
    this.#parts.store.close()
    removeServiceFile(config.server.dataDir)
    this.#parts.lock.release()
    log.info('stopped')
  }
}

interface Wired {
  config: Config
  log: ServiceLog
  lock: DataDirLock
  store: MetadataStore
  telemetry: Telemetry
  launcher: WorkerLauncher
  router: Router
  gateway: Gateway
  management: Server<undefined>
}

/** @param undo takes a step for each thing that was taken, for a start that fails halfway */
async function wire(config: Config, parts: ServiceParts, undo: (() => unknown)[]): Promise<Wired> {
  const log = parts.log ?? new ServiceLog()
  const { dataDir, socket } = config.server
  const lock = tryLockDataDir(dataDir)
  if (lock === undefined) {
    throw new FunctionError('CONFLICT', `Another functions service is running on ${dataDir}.`)
  }
  undo.push(() => lock.release())
  const store = MetadataStore.open(dataDir)
  undo.push(() => store.close())
  const launcher = await (parts.launcher ?? startLauncher)(config, log)
  undo.push(() => launcher.close())
  const { logs, metrics } = config
  const telemetry = new Telemetry({
    dataDir,
    logs: { maxAgeMs: logs.retention, maxBytes: logs.maxSize },
    metrics: { maxAgeMs: metrics.retention, maxBytes: metrics.maxSize },
    serviceLog: log,
  })
  const fleet = new Fleet(config.pool.maxWorkers, systemClock)
  const bundles = new BundleStore(dataDir)
  await bundles.sweep(store.bundlePaths())
  const versions = new VersionSource(store, bundles, config)
  const router = new Router({
    source: versions,
    launcher,
    fleet,
    counters: telemetry.counters,
    poolLimits: poolLimits(config),
    startTimeoutMs: VERSION_START_MS,
    log: (spec, entry, requestId) => telemetry.log(spec, entry.level, requestId, entry.message),
  })
  const gateway = onPort(config.server.host, config.server.port, () =>
    newGateway(config, log, router, telemetry),
  )
  undo.push(() => gateway.stop(new FunctionError('SHUTTING_DOWN', 'The start failed.')))
  const control = serviceControl(router, versions)
  const answer = parts.management({ config, store, bundles, control, telemetry })
  const management = await onSocket(socket, (unix) => listenForManagement(unix, answer))
  undo.push(() => management.stop(true))
  await launcher.warm()
  writeServiceFile(dataDir, { pid: process.pid, socket: resolve(socket), url: gateway.url })
  gateway.ready()
  log.info('started', { url: gateway.url, dataDir: resolve(dataDir), pid: process.pid })
  return { config, log, lock, store, telemetry, launcher, router, gateway, management }
}

function listenForManagement(unix: string, answer: Management): Server<undefined> {
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

function newGateway(config: Config, log: ServiceLog, router: Router, telemetry: Telemetry) {
  const { server } = config
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
    metrics: () => {
      const workers: Record<string, number> = { starting: 0, ready: 0, busy: 0, draining: 0 }
      let queued = 0
      for (const pool of router.pools()) {
        queued += pool.queued
        for (const { state } of pool.slots) workers[state] = (workers[state] ?? 0) + 1
      }
      return prometheusText(telemetry.counters, {
        workers,
        queued,
        inFlight: gateway.inFlight,
        residentBytes: process.memoryUsage.rss(),
        uptimeSeconds: (performance.now() - startedAt) / 1000,
      })
    },
    counted: () => telemetry.counted(),
    failed: (route, requestId, error) => telemetry.failed(route, requestId, error),
    broken: (error) => log.error('a request met a bug of ours', error),
  })
  return gateway
}

/** Waits for `work`, but no longer than `ms`. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((done) => {
    timer = setTimeout(done, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
