import { resolve } from 'node:path'
import { isSuccessor } from '../service/predecessor.ts'
import { runService } from '../service/run.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { Cgroups } from '../worker/sandbox/cgroups.ts'
import type { Command } from './command.ts'

export const serve: Command = {
  name: 'serve',
  summary: 'Serve the deployed functions over HTTP (the default command)',
  examples: ['serve', 'serve --port 3000 --data-dir /var/lib/functions', '--data-dir ./data'],
  takesSettings: true,
  async run({ loaded }) {
    const log = new ServiceLog()
    for (const warning of loaded.warnings) {
      log.warn(warning)
    }
    const files = loaded.file === undefined ? [] : [resolve(loaded.file.path)]
    const host = { files, cgroups: takeCgroups() }
    return await runService(loaded.config, { log, host, reload: loaded.again })
  },
}

/**
 * The cgroups that were delegated to this process. Without them (see `functions doctor`) workers
 * are niced.
 */
function takeCgroups(): Cgroups | undefined {
  const cgroups = Cgroups.take(undefined, undefined, isSuccessor())
  return cgroups instanceof Cgroups ? cgroups : undefined
}
