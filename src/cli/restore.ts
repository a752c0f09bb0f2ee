import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { counted } from '../lib/counted.ts'
import { verifyArchive } from '../maintenance/backup.ts'
import { type RestoreReport, readBackup, restore as restoreFrom } from '../maintenance/restore.ts'
import { KEY_FILE } from '../secrets/key-file.ts'
import type { Command } from './command.ts'

export const restore: Command = {
  name: 'restore',
  args: '<file>',
  localOnly: true,
  summary: 'Restore a backup into an empty data directory',
  examples: [
    'restore /backup/functions.tar --data-dir /var/lib/functions',
    'restore /backup/functions.tar --verify',
    'zstd -dc functions.tar.zst | functions restore - --data-dir ./data',
  ],
  options: [{ flags: '--verify', help: 'only check the backup: nothing is written' }],
  async run({ io, loaded, print }, [file = ''], { verify }) {
    const source = file === '-' ? Bun.stdin.stream() : readBackup(file)
    if (verify === true) {
      await verifyArchive(source)
      await print({ file, valid: true }, () => `${file}: the backup is whole\n`)
      return
    }
    if (loaded.sources.get('server.data_dir')?.kind === 'default') {
      const message = 'restore needs the directory to restore into: name it with --data-dir.'
      throw new FunctionError('BAD_REQUEST', message)
    }
    const report = await restoreFrom(source, loaded.config.server.dataDir)
    for (const path of report.missing) {
      await io.stderr(`warning: ${path} was missing when the backup was made\n`)
    }
    await print(report, () => describe(report))
  },
}

function describe(report: RestoreReport): string {
  const { dataDir, functions, versions, secrets, keyIds, release, createdAt } = report
  const restored = `${dataDir}: restored ${counted(functions, 'function')} and ${counted(versions, 'version')} from a backup of ${createdAt} (release ${release})\n`
  if (secrets === 0) return restored
  const file = join(dataDir, KEY_FILE)
  return `${restored}${counted(secrets, 'secret')}, encrypted with the key ${keyIds.join(', ')}: put its file at ${file} (mode 0600) before you start the service\n`
}
