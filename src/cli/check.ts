import { existsSync } from 'node:fs'
import type { Operations } from '../admin/operations.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { counted } from '../lib/counted.ts'
import { check as checkDirectory, type Finding, hasData } from '../maintenance/check.ts'
import { repair, setUnknownAside } from '../maintenance/repair.ts'
import { readBackup } from '../maintenance/restore.ts'
import { DEFAULT_PROJECT, functionLabel } from '../metadata/records.ts'
import type { Command } from './command.ts'
import { printable } from './errors.ts'
import { withHold } from './hold.ts'
import { changeOffline, exclusively } from './offline.ts'

/** Findings that people are shown; `--json` has all. */
const SHOWN = 50

interface Result {
  dataDir: string
  /** Nothing is wrong, or nothing any more. */
  ok: boolean
  findings: Finding[]
  /** What was done, in sentences. */
  repaired: string[]
}

export const check: Command = {
  name: 'check',
  localOnly: true,
  summary: 'Verify the data directory: database, bundles, leftovers, permissions',
  examples: [
    'check',
    'check --json',
    'check --repair',
    'check --repair --from /backup/functions.tar',
  ],
  options: [
    { flags: '--repair', help: 'repair what can be repaired; the service must be stopped' },
    { flags: '--from <backup>', help: 'with --repair: take broken bundles from this backup' },
  ],
  async run({ loaded, print }, _args, { repair: wanted, from }) {
    if (from !== undefined && wanted !== true) {
      throw new FunctionError('BAD_REQUEST', '--from is only allowed with --repair.')
    }
    const { dataDir } = loaded.config.server
    if (!existsSync(dataDir)) {
      throw new FunctionError('STORAGE_UNUSABLE', `The data directory ${dataDir} does not exist.`)
    }
    if (!hasData(dataDir)) {
      const empty = { ...resultOf(dataDir, [], []), empty: true }
      await print(empty, () => `${printable(dataDir)} is empty: nothing was deployed there\n`)
      return 0
    }
    const result =
      wanted === true
        ? await repairOffline(loaded, from === undefined ? undefined : readBackup(String(from)))
        : await onlyCheck(loaded)
    await print(result, () => describe(result))
    return result.ok ? 0 : 1
  },
}

async function onlyCheck(loaded: LoadedConfig): Promise<Result> {
  const { dataDir } = loaded.config.server
  const done = await withHold(
    loaded,
    (held) => checkDirectory(held.dataDir),
    () => checkDirectory(dataDir),
  )
  return resultOf(dataDir, done, [])
}

async function repairOffline(
  loaded: LoadedConfig,
  backup: AsyncIterable<Uint8Array> | undefined,
): Promise<Result> {
  const { dataDir } = loaded.config.server
  const running = async (): Promise<Result> => {
    const message = `A service runs on the data directory ${dataDir}: stop it before a repair. 'functions gc' deletes orphaned bundles while it runs.`
    throw new FunctionError('CONFLICT', message)
  }
  return await exclusively(loaded, running, async () => {
    const before = await checkDirectory(dataDir)
    const repaired = before.length === 0 ? [] : await repair(dataDir, before, backup)
    const left = before.length === 0 ? [] : await checkDirectory(dataDir)
    repaired.push(...(await setUnknownAside(dataDir, left)))
    if (left.length > 0 && !left.some(({ kind }) => kind.startsWith('database'))) {
      repaired.push(...(await changeOffline(loaded, ({ operations }) => change(operations, left))))
    }
    const findings = repaired.length === 0 ? left : await checkDirectory(dataDir)
    return resultOf(dataDir, findings, repaired)
  })
}

/** What is done as a person would do it: roll back functions that do not start, collect orphans. */
async function change(operations: Operations, findings: readonly Finding[]): Promise<string[]> {
  const done: string[] = []
  const broken = new Map<string, Set<string>>()
  for (const { kind, function: name, project, version } of findings) {
    if (!kind.startsWith('bundle-') || name === undefined || version === undefined) continue
    const label = functionLabel(name, project ?? DEFAULT_PROJECT)
    broken.set(label, (broken.get(label) ?? new Set()).add(version))
  }
  for (const { active, function: name = '', project = DEFAULT_PROJECT } of findings) {
    const label = functionLabel(name, project)
    const versions = broken.get(label)
    if (active !== true || versions === undefined) continue
    const version = await operations.rollbackToIntact({ name, project }, versions)
    if (version !== undefined)
      done.push(`function '${label}': version '${version}' is active again`)
  }
  if (findings.some(({ kind }) => kind === 'bundle-orphaned')) {
    const { orphans } = await operations.garbage.collect({ keep: 0, olderThanMs: 0 })
    if (orphans > 0) done.push(`${counted(orphans, 'bundle')} without a version: deleted`)
  }
  return done
}

function resultOf(dataDir: string, findings: Finding[], repaired: string[]): Result {
  return { dataDir, ok: findings.length === 0, findings, repaired }
}

function describe({ dataDir, ok, findings, repaired }: Result): string {
  const lines = findings
    .slice(0, SHOWN)
    .map(({ severity, path, message }) => `${severity}: ${path}: ${message}`)
  const more = findings.length > SHOWN ? [`and ${findings.length - SHOWN} more`] : []
  const advice = ok
    ? [`${dataDir}: nothing is wrong`]
    : [`${dataDir}: ${counted(findings.length, 'finding')}`]
  const text = [...repaired.map((line) => `repaired: ${line}`), ...lines, ...more, ...advice]
  return text.map((line) => `${printable(line)}\n`).join('')
}
