import { resolve } from 'node:path'
import { RELEASE } from '../release.ts'
import { isSuccessor } from '../service/predecessor.ts'
import { runService } from '../service/run.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { Cgroups } from '../worker/sandbox/cgroups.ts'
import type { Command } from './command.ts'
import { Installation } from './installation.ts'

export const serve: Command = {
  name: 'serve',
  localOnly: true,
  summary: 'Serve the deployed functions over HTTP (the default command)',
  examples: ['serve', 'serve --port 3000 --data-dir /var/lib/functions', '--data-dir ./data'],
  takesSettings: true,
  async run({ loaded }) {
    const log = new ServiceLog()
    for (const warning of loaded.warnings) {
      log.warn(warning)
    }
    warnOfLeftover(log)
    const files = loaded.file === undefined ? [] : [resolve(loaded.file.path)]
    const host = { files, cgroups: takeCgroups() }
    return await runService(loaded.config, {
      log,
      host,
      reload: loaded.again,
      secretKey: loaded.secretKey,
    })
  },
}

/** An upgrade that was killed may have left its executable: this process runs the one before. */
function warnOfLeftover(log: ServiceLog): void {
  if (isSuccessor()) return
  const installation = new Installation(process.execPath)
  if (!installation.isLeftover) return
  const { next } = installation
  const remedy = `run 'functions upgrade ${next}' to complete the upgrade, or delete the file`
  log.warn('an upgrade was cut off and left its executable: this is the release before', {
    file: next,
    release: RELEASE,
    remedy,
  })
}

/**
 * The cgroups that were delegated to this process. Without them (see `functions doctor`) workers
 * are niced.
 */
function takeCgroups(): Cgroups | undefined {
  const cgroups = Cgroups.take(undefined, undefined, isSuccessor())
  return cgroups instanceof Cgroups ? cgroups : undefined
}
