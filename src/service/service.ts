/** One running service: start, drain, stop. */
import { resolve } from 'node:path'
import type { ServiceControl } from '../admin/control.ts'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import { removeProxyVariables } from '../lib/proxy-variables.ts'
import { withTimeout } from '../lib/with-timeout.ts'
import type { MetadataStore } from '../metadata/store.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { type Components, compose, type ServiceOptions } from './compose.ts'
import type { Rollback } from './data-directory.ts'
import { reloadSettings } from './reload.ts'
import { removeServiceFile } from './service-file.ts'

export type { ServiceOptions } from './compose.ts'

/** How long idle workers may take to exit when the service stops, ms; then they are killed. */
const WORKERS_EXIT_MS = 1_000
/** Of that time, what requests left behind may use. */
const LEFTOVER_MS = 500
/** A client may have connected to the management socket just before another process took its place, ms. */
const LAST_CONNECTIONS_MS = 100
/** How often the clients of the management socket are counted while they leave, ms. */
const CLIENTS_CHECK_MS = 20

/** A running service. It holds the lock of its data directory. */
export class Service {
  readonly url: string
  readonly store: MetadataStore
  readonly control: ServiceControl
  readonly telemetry: Telemetry
  readonly #components: Components
  readonly #load: ServiceOptions['reload']
  #stopping: Promise<void> | undefined

  private constructor(components: Components, load: ServiceOptions['reload']) {
    this.#components = components
    this.#load = load
    this.url = components.gateway.url
    this.store = components.store
    this.control = components.control
    this.telemetry = components.telemetry
  }

  /**
   * Starts a service. It accepts requests when this resolves.
   *
   * @throws {FunctionError} when the data directory, the port or the socket cannot be used
   */
  static async start(config: Config, options: ServiceOptions): Promise<Service> {
    removeProxyVariables(process.env)
    const rollback: Rollback = []
    try {
      const components = await compose(config, options, rollback)
      const dataDir = resolve(config.server.dataDir)
      components.log.info('started', { url: components.gateway.url, dataDir, pid: process.pid })
      return new Service(components, options.reload)
    } catch (error) {
      for (const step of rollback.reverse()) await step()
      throw error
    }
  }

  /** Resolves when another process is the service; `leave` then ends this one. */
  get handedOver(): Promise<void> {
    return this.#components.restarter.handedOver
  }

  /** It was asked to stop. */
  get stopping(): boolean {
    return this.#stopping !== undefined
  }

  /** Applies the settings that changed and may change now; what cannot be applied is logged. */
  reload(): void {
    const { log } = this.#components
    if (this.stopping) log.info('settings not reloaded: the service is stopping')
    else if (this.#load !== undefined) reloadSettings(this.#components, this.#load)
  }

  /**
   * Refuses new requests, waits up to `server.shutdown_timeout` for running ones, ends every process
   * and flushes the databases.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /**
   * After a hand-over: waits up to `server.shutdown_timeout` until the clients of this process have left, and ends
   * its processes. What there is only once belongs to the other process: socket, service.json, lock.
   */
  leave(): Promise<void> {
    this.#stopping ??= this.#leave()
    return this.#stopping
  }

  async #leave(): Promise<void> {
    const { config, log, gateway, held } = this.#components
    log.info('leaving', { inFlight: gateway.inFlight })
    const stopped = this.#components.housekeeping.stop()
    const clientsGone = async () => {
      await Bun.sleep(LAST_CONNECTIONS_MS)
      while (held.management.connections() > 0) await Bun.sleep(CLIENTS_CHECK_MS)
      await held.listener?.leave()
    }
    await withTimeout(config.server.shutdownTimeout, Promise.all([gateway.leave(), clientsGone()]))
    await this.#end(stopped)
    log.info('left')
  }

  async #stop(): Promise<void> {
    const { config, log, gateway, restarter, held } = this.#components
    await restarter.abort()
    if (restarter.over) {
      await this.#leave()
      return
    }
    const { management, listener } = held
    log.info('stopping', { inFlight: gateway.inFlight })
    // Ends the holds of backups too: their connections would delay the stop.
    const stopped = this.#components.housekeeping.stop()
    const open = Promise.all([gateway.drain(), management.stop(), listener?.stop()])
    await withTimeout(config.server.shutdownTimeout, open)
    await this.#end(stopped, async () => {
      await Promise.all([management.stop(true), listener?.stop(true)])
    })
    removeServiceFile(config.server.dataDir)
    held.lock.release()
    log.info('stopped')
  }

  /** Ends every request and every process, and closes the databases. */
  async #end(
    housekeeping: Promise<void>,
    afterRequests: () => Promise<void> = async () => {},
  ): Promise<void> {
    const { gateway, router, launcher, egress, queries } = this.#components
    const reason = new FunctionError('SHUTTING_DOWN', 'The service is shutting down.')
    await gateway.stop(reason)
    await afterRequests()
    await withTimeout(WORKERS_EXIT_MS, router.close(LEFTOVER_MS))
    router.kill(reason)
    await launcher.close()
    egress.close()
    queries.close()
    this.telemetry.close()
    await housekeeping
    this.store.close()
  }
}
