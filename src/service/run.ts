/** `functions serve`: runs a service until a signal ends it. */
import type { Config } from '../config/schema.ts'
import { stdout } from '../lib/output.ts'
import { Service, type ServiceOptions } from './service.ts'
import { ServiceManager } from './service-manager.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * Runs a service until SIGTERM or SIGINT, after which it finishes the running requests. A second
 * signal ends it at once. Prints the line `listening on ...` that scripts wait for.
 *
 * @returns the exit status
 * @throws {FunctionError} if it cannot start
 */
export async function runService(config: Config, options: ServiceOptions): Promise<number> {
  const asked = Promise.withResolvers<void>()
  let signals = 0
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      // Workers die with this process.
      if (++signals > 1) process.exit(1)
      asked.resolve()
    })
  }
  const manager = new ServiceManager(process.env, (message) => options.log.warn(message))
  const service = await Service.start(config, options)
  stdout.write(`listening on ${service.url}\n`).catch((error) => {
    options.log.warn('the address was not printed', { reason: error.message })
  })
  manager.ready(`Serving functions at ${service.url}`)
  await asked.promise
  manager.stopping('Finishing the open requests')
  await service.stop()
  manager.close()
  return 0
}
