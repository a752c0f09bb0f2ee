import { resolve } from 'node:path'
import { createApi } from '../admin/api.ts'
import { Operations } from '../admin/operations.ts'
import { runService } from '../service/run.ts'
import type { ManagementParts, ServiceParts } from '../service/service.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { Cgroups } from '../worker/cgroups.ts'
import type { Command } from './command.ts'
import { engineReader } from './programs.ts'

export const serve: Command = {
  name: 'serve',
  summary: 'Serve the deployed functions over HTTP; what functions alone does',
  examples: ['serve', 'serve --port 3000 --data-dir /var/lib/functions', '--data-dir ./data'],
  takesSettings: true,
  async run({ loaded }) {
    const log = new ServiceLog()
    for (const warning of loaded.warnings) {
      log.warn(warning)
    }
    const files = loaded.file === undefined ? [] : [resolve(loaded.file.path)]
    return await runService(loaded.config, {
      ...serviceParts(log),
      own: { files, cgroups: takeCgroups() },
    })
  },
}

/** The cgroups that were delegated to us; where there are none, which doctor explains, functions are niced. */
function takeCgroups(): Cgroups | undefined {
  const cgroups = Cgroups.take()
  return cgroups instanceof Cgroups ? cgroups : undefined
}

/** What a service is started with, its management API above all. */
export function serviceParts(log: ServiceLog): ServiceParts {
  return {
    log,
    management: ({ config, store, bundles, control }: ManagementParts) => {
      const operations = new Operations({
        store,
        bundles,
        control,
        serving: true,
        defaultRuntime: config.worker.runtime,
        engine: engineReader(config),
      })
      const broken = (error: unknown) =>
        log.error('internal error while handling a management request', error)
      return createApi({ store, operations, control, broken })
    },
  }
}
