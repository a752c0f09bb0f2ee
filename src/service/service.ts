/** One running service: start, drain, stop. */
import { resolve } from 'node:path'
import type { ServiceControl } from '../admin/control.ts'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import { removeProxyVariables } from '../lib/proxy-variables.ts'
import type { MetadataStore } from '../metadata/store.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { type ServiceParts, type Undo, type Wired, wire } from './compose.ts'
import { removeServiceFile } from './service-file.ts'

export type { ServiceParts } from './compose.ts'

/** What workers without work have left to go by themselves when the service stops. */
const WORKERS_GO_MS = 1_000
/** A service, on the data directory that it holds the lock of. */
export class Service {
  readonly url: string
  readonly store: MetadataStore
  readonly control: ServiceControl
  readonly telemetry: Telemetry
  readonly #parts: Wired
  #stopping: Promise<void> | undefined

  private constructor(parts: Wired) {
    this.#parts = parts
    this.url = parts.gateway.url
    this.store = parts.store
    this.control = parts.control
    this.telemetry = parts.telemetry
  }

  /**
   * Starts a service; it takes requests when this resolves.
   *
   * @throws {FunctionError} why it cannot, in one sentence: the data directory, the port, the socket
   */
  static async start(config: Config, brought: ServiceParts): Promise<Service> {
    removeProxyVariables(process.env)
    const undo: Undo = []
    try {
      const parts = await wire(config, brought, undo)
      const dataDir = resolve(config.server.dataDir)
      parts.log.info('started', { url: parts.gateway.url, dataDir, pid: process.pid })
      return new Service(parts)
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
    const { config, log, gateway, management, router, launcher, egress } = this.#parts
    log.info('stopping', { inFlight: gateway.inFlight })
    const reason = new FunctionError('SHUTTING_DOWN', 'The service is shutting down.')
    const open = Promise.all([gateway.drain(), management.stop()])
    await within(config.server.shutdownTimeout, open)
    await gateway.stop(reason)
    await management.stop(true)
    await within(WORKERS_GO_MS, router.close())
    router.kill(reason)
    await launcher.close()
    egress.close()
    this.telemetry.close()
    this.store.close()
    removeServiceFile(config.server.dataDir)
    this.#parts.lock.release()
    log.info('stopped')
  }
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
