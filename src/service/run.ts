/** `functions serve`: a service from its start to the signal that ends it. */
import type { Config } from '../config/schema.ts'
import { Service, type ServiceOptions } from './service.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * Runs a service until SIGTERM or SIGINT, which lets it finish what is open; a second signal ends it
 * at once. Prints the line that scripts wait for.
 *
 * @returns the exit status
 * @throws {FunctionError} when it cannot start
 */
export async function runService(config: Config, options: ServiceOptions): Promise<number> {
  const asked = Promise.withResolvers<void>()
  let signals = 0
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      // Whatever still runs dies with this process.
      if (++signals > 1) process.exit(1)
      asked.resolve()
    })
  }
  const service = await Service.start(config, options)
  process.stdout.write(`listening on ${service.url}\n`)
  await asked.promise
  await service.stop()
  return 0
}
