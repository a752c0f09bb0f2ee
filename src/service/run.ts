/** `functions serve`: runs a service until a signal ends it. */
import type { Config } from '../config/schema.ts'
import { stdout } from '../lib/output.ts'
import { Predecessor } from './predecessor.ts'
import { Service, type ServiceOptions } from './service.ts'
import { ServiceManager } from './service-manager.ts'

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Exit status after a second signal: the service did not finish what it had. */
const EXIT_CUT_OFF = 1

/**
 * Runs a service until SIGTERM or SIGINT, after which it finishes the running requests. A second one
 * of these signals ends it at once. It also ends when another process has taken over. SIGHUP reloads the settings and never ends it. Prints the line
 * `listening on ...` that scripts wait for.
 *
 * @returns the exit status
 * @throws {FunctionError} if it cannot start
 */
export async function runService(config: Config, options: ServiceOptions): Promise<number> {
  const asked = Promise.withResolvers<void>()
  let signals = 0
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      // Workers die with this process.
      if (++signals > 1) process.exit(EXIT_CUT_OFF)
      asked.resolve()
    })
  }
  const manager = new ServiceManager(process.env, (message) => options.log.warn(message))
  let service: Service | undefined
  let reloadAsked = false
  const ready = (url: string) => manager.ready(`Serving functions at ${url}`)
  const reload = (running: Service) => {
    if (!running.stopping) manager.reloading()
    running.reload()
    if (!running.stopping) ready(running.url)
  }
  process.on('SIGHUP', () => {
    if (service === undefined) reloadAsked = true
    else reload(service)
  })
  const predecessor = await Predecessor.meet(config)
  service = await Service.start(config, {
    ...options,
    predecessor,
    continuesIn: (pid) => manager.continuesIn(pid),
  })
  stdout.write(`listening on ${service.url}\n`).catch((error) => {
    options.log.warn('the address was not printed', { reason: error.message })
  })
  // Until the predecessor has named this process, the manager listens to the predecessor only.
  await predecessor?.ready()
  ready(service.url)
  // The configuration was read before this signal, so it may be older than the file.
  if (reloadAsked) reload(service)
  const left = service.handedOver.then(() => 'left')
  if ((await Promise.race([asked.promise, left])) === 'left') {
    await service.leave()
    return 0
  }
  manager.stopping('Finishing the open requests')
  await service.stop()
  manager.close()
  return 0
}
