import { configToml } from '../config/toml.ts'
import { counted } from '../lib/counted.ts'
import { type BackupReport, backupToFile, backupToStream } from '../maintenance/backup.ts'
import { megabytes } from '../maintenance/files.ts'
import { RELEASE } from '../release.ts'
import type { Command } from './command.ts'
import { type Held, withBundlesHeld } from './hold.ts'

export const backup: Command = {
  name: 'backup',
  args: '<file>',
  localOnly: true,
  summary: 'Write a backup of the data directory: databases, bundles, settings',
  examples: [
    'backup /backup/functions.tar',
    'backup /backup/functions.tar --without-telemetry',
    'backup - | zstd > functions.tar.zst',
  ],
  options: [{ flags: '--without-telemetry', help: 'leave out logs.db and metrics.db' }],
  async run({ io, loaded, json, print }, [file = ''], { withoutTelemetry }) {
    const toStream = file === '-'
    const work = ({ dataDir, settings }: Held) => {
      const options = {
        dataDir,
        settings: configToml(settings),
        release: RELEASE,
        telemetry: withoutTelemetry !== true,
      }
      return toStream
        ? backupToStream(async (bytes) => io.stdout(bytes), options)
        : backupToFile(file, options)
    }
    const report = await withBundlesHeld(loaded, work, !toStream)
    for (const warning of warningsOf(report)) await io.stderr(`warning: ${warning}\n`)
    if (!toStream) await print(report, () => describe(report))
    else await io.stderr(json ? `${JSON.stringify(report)}\n` : describe(report))
  },
}

function warningsOf({ missing, warnings }: BackupReport): string[] {
  const bundles = missing.map((path) => `${path} is missing or damaged, and not in the backup`)
  const advice = missing.length > 0 ? ["'functions check --repair' looks for intact copies"] : []
  return [...bundles, ...advice, ...warnings]
}

function describe(report: BackupReport): string {
  const { file, bytes, sha256, functions, versions, secrets } = report
  const checked = file === null ? 'written, not checked' : 'written and checked'
  const key =
    secrets === 0
      ? ''
      : `${counted(secrets, 'secret')}, encrypted: the key file is not in the backup, keep a copy of it elsewhere\n`
  const what = `${counted(functions, 'function')}, ${counted(versions, 'version')}, ${megabytes(bytes)}`
  return `${file ?? 'standard output'}: ${what}, ${checked}\nsha256 ${sha256}\n${key}`
}
