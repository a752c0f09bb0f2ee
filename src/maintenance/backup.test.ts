/** Backups of data directories, whole and broken, and restores of what an attacker made of them. */
import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { MetadataStore } from '../metadata/store.ts'
import { addFunctions } from '../testing/data-dir-fixture.ts'
import { ArchiveWriter } from './archive.ts'
import { backupToFile, backupToStream } from './backup.ts'
import { readBackup, restore } from './restore.ts'

let dir: string
let dataDir: string
let file: string
let target: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-backup-test-'))
  dataDir = join(dir, 'data')
  file = join(dir, 'backup.tar')
  target = join(dir, 'restored')
  addFunctions(dataDir, ['app', 'app-b', 'z'], 3)
})
afterEach(() => rmSync(dir, { recursive: true }))

const options = () => ({ dataDir, settings: '[server]\n', release: '9.9.9', telemetry: true })
const backUp = () => backupToFile(file, options())
const restored = async () => restore(readBackup(file), target)

async function failure(work: Promise<unknown>): Promise<FunctionError> {
  const error = await work.then(
    () => undefined,
    (cause) => cause,
  )
  if (error instanceof FunctionError) return error
  throw error ?? new Error('it did not fail')
}

function change(sql: string): void {
  const db = new Database(join(dataDir, 'metadata.db'))
  db.run(sql)
  db.close()
}

/** Every file below a directory with its content. */
function tree(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
  const files = names.filter((name) => statSync(join(root, name)).isFile())
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(root, name), 'utf8')]))
}

describe('a backup', () => {
  test('restores every function, version and bundle, for its owner only', async () => {
    const report = await backUp()
    expect(report).toMatchObject({ functions: 3, versions: 9, missing: [], warnings: [] })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(report.bytes).toBe(statSync(file).size)
    expect(readdirSync(dir).toSorted()).toEqual(['backup.tar', 'data'])
    expect(await restored()).toMatchObject({ release: '9.9.9', functions: 3, versions: 9 })
    expect(tree(join(target, 'bundles'))).toEqual(tree(join(dataDir, 'bundles')))
    const [before, after] = [MetadataStore.open(dataDir), MetadataStore.open(target)]
    expect(after.list()).toEqual(before.list())
    for (const { name } of before.list())
      expect(after.versions(name)).toEqual(before.versions(name))
    for (const store of [before, after]) store.close()
    expect(statSync(target).mode & 0o777).toBe(0o700)
    expect(statSync(join(target, 'bundles/func-app/v1')).mode & 0o77).toBe(0)
    expect(readFileSync(join(target, 'settings.restored.toml'), 'utf8')).toBe('[server]\n')
    expect(readdirSync(target)).not.toContain('.restore')
  })

  test('contains what is only in the write-ahead log yet', async () => {
    const store = MetadataStore.open(dataDir)
    store.remove('z')
    expect(statSync(join(dataDir, 'metadata.db-wal')).size).toBeGreaterThan(0)
    expect((await backUp()).functions).toBe(2)
    store.close()
  })

  test('contains no page of deleted rows', async () => {
    const secret = 'the-secret-of-a-deleted-function'
    change(
      `INSERT INTO env_variables (function_id, revision, name, kind, value, updated_at) VALUES ('func-z', 1, 'KEY', 'plain', '${secret}', '')`,
    )
    change("DELETE FROM env_variables WHERE name = 'KEY'")
    await backUp()
    expect(readFileSync(file).includes(secret)).toBe(false)
  })

  test('names bundles that are missing or damaged, and a restore names them again', async () => {
    rmSync(join(dataDir, 'bundles/func-app/v1/bundle.js'))
    writeFileSync(join(dataDir, 'bundles/func-z/v2/bundle.js'), 'evil')
    rmSync(join(dataDir, 'bundles/func-z/v3'), { recursive: true })
    symlinkSync('/etc', join(dataDir, 'bundles/func-z/v3'))
    const missing = ['app/v1', 'z/v2', 'z/v3'].map((name) => `bundles/func-${name}/bundle.js`)
    expect((await backUp()).missing).toEqual(missing)
    expect((await restored()).missing).toEqual(missing)
  })

  test('is made although logs.db is damaged, and says so', async () => {
    writeFileSync(join(dataDir, 'logs.db'), 'not a database, but long enough to be read as one')
    const { warnings } = await backUp()
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('logs.db is not in the backup')
    expect((await restored()).functions).toBe(3)
  })

  test('of a damaged metadata.db fails and replaces no earlier backup', async () => {
    await backUp()
    const before = readFileSync(file)
    writeFileSync(join(dataDir, 'metadata.db'), 'x'.repeat(10_000))
    for (const name of ['-wal', '-shm'])
      rmSync(join(dataDir, `metadata.db${name}`), { force: true })
    expect((await failure(backUp())).message).toContain("run 'functions check'")
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(readdirSync(dir).toSorted()).toEqual(['backup.tar', 'data'])
  })

  test('is refused in the data directory, also through a link, and in place of a folder', async () => {
    symlinkSync(dataDir, join(dir, 'link'))
    for (const name of ['data/b.tar', 'data/bundles/b.tar', 'link/b.tar', 'data/metadata.db']) {
      const error = await failure(backupToFile(join(dir, name), options()))
      expect([name, error.code]).toEqual([name, 'BAD_REQUEST'])
      expect(error.message).toContain('data directory')
    }
    mkdirSync(join(dir, 'folder'))
    expect((await failure(backupToFile(join(dir, 'folder'), options()))).code).toBe('BAD_REQUEST')
    const missing = await failure(backupToFile(join(dir, 'no/b.tar'), options()))
    expect(missing.code).toBe('STORAGE_UNUSABLE')
  })

  test('works where the data directory is a symbolic link', async () => {
    symlinkSync(dataDir, join(dir, 'link'))
    const report = await backupToFile(file, { ...options(), dataDir: join(dir, 'link') })
    expect(report.versions).toBe(9)
    mkdirSync(join(dir, 'empty'))
    symlinkSync(join(dir, 'empty'), target)
    expect((await restored()).dataDir).toBe(join(dir, 'empty'))
    expect(readdirSync(join(dir, 'empty'))).toContain('metadata.db')
  })

  test('deletes what a killed one left, and nothing that is not its own', async () => {
    const old = new Date(Date.now() - 3_600_000)
    mkdirSync(join(dir, '.functions-backup-dead'))
    writeFileSync(join(dir, '.functions-backup-dead/backup.tar'), 'x')
    utimesSync(join(dir, '.functions-backup-dead'), old, old)
    mkdirSync(join(dir, 'victim'))
    symlinkSync(join(dir, 'victim'), join(dir, '.functions-backup-link'))
    mkdirSync(join(dir, '.functions-backup-young'))
    await backUp()
    expect(readdirSync(dir)).not.toContain('.functions-backup-dead')
    expect(readdirSync(dir)).toContain('.functions-backup-young')
    expect(readdirSync(join(dir, 'victim'))).toEqual([])
  })

  test('to a stream that fails leaves nothing', async () => {
    const failing = backupToStream(async () => {
      throw new Error('the reader is gone')
    }, options())
    await expect(failing).rejects.toThrow('the reader is gone')
    expect(readdirSync(dataDir).filter((name) => name.startsWith('.functions'))).toEqual([])
  })
})

describe('a restore', () => {
  test('refuses a directory that contains anything, and changes nothing there', async () => {
    await backUp()
    mkdirSync(target)
    writeFileSync(join(target, 'note'), 'mine')
    expect((await failure(restored())).message).toContain('it contains note')
    expect(readdirSync(target)).toEqual(['note'])
    expect((await failure(restore(readBackup(file), dataDir))).code).toBe('CONFLICT')
    writeFileSync(join(dir, 'plain'), '')
    expect((await failure(restore(readBackup(file), join(dir, 'plain')))).code).toBe(
      'STORAGE_UNUSABLE',
    )
  })

  test('of a file that is no backup, or that does not exist, leaves an empty directory', async () => {
    writeFileSync(file, 'x'.repeat(2000))
    expect((await failure(restored())).code).toBe('BACKUP_INVALID')
    expect(readdirSync(target)).toEqual(['service.lock'])
    rmSync(file)
    expect((await failure(restored())).code).toBe('BAD_REQUEST')
    expect(() => readBackup('/dev/null')).toThrow('is a device')
  })

  test('refuses a metadata.db that is empty, lacks something, or does not name a bundle', async () => {
    const db = new Database(join(dataDir, 'metadata.db'))
    db.run('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    const whole = readFileSync(join(dataDir, 'metadata.db'))
    const cases: [sql: string, text: string][] = [
      ['', 'lacks the tables of a service'],
      ['DROP TABLE env', 'lacks the table env'],
      ['ALTER TABLE function_versions DROP COLUMN retry', 'lacks the column retry'],
      ["DELETE FROM function_versions WHERE version = 'v2'", 'does not name'],
    ]
    for (const [sql, text] of cases) {
      const path = join(dir, 'metadata.db')
      writeFileSync(path, sql === '' ? '' : whole)
      const changed = new Database(path)
      changed.run('PRAGMA journal_mode = DELETE')
      changed.run('PRAGMA foreign_keys = ON')
      if (sql !== '') changed.run(sql)
      changed.close()
      const parts: Uint8Array[] = []
      const sums = await open(join(dir, 'sums'), 'w+')
      const writer = new ArchiveWriter(async (bytes) => parts.push(bytes), sums)
      await writer.begin('1.0.0')
      await writer.addText('settings.toml', '')
      const content = readFileSync(path)
      await writer.add('metadata.db', content.length, [content])
      for (const [name, bundle] of Object.entries(tree(join(dataDir, 'bundles'))).toSorted()) {
        await writer.addText(`bundles/${name}`, bundle)
      }
      await writer.end()
      await sums.close()
      writeFileSync(file, Buffer.concat(parts))
      const error = await failure(restored())
      expect([sql, error.code]).toEqual([sql, 'BACKUP_INVALID'])
      expect(error.message).toContain(text)
      expect(readdirSync(target)).toEqual(['service.lock'])
    }
  })

  test('refuses databases that were made to deceive', async () => {
    const attacks: [sql: string, text: string][] = [
      ["UPDATE function_versions SET bundle_path = '../../etc/passwd'", 'not a bundle'],
      ["UPDATE function_versions SET bundle_path = 'bundles/.staging/x'", 'not a bundle'],
      ["UPDATE function_versions SET bundle_path = 'bundles/func-a/../..'", 'not a bundle'],
      ["UPDATE function_versions SET function_id = 'nobody' WHERE rowid = 1", 'refer to rows'],
      [
        'CREATE TRIGGER t AFTER INSERT ON functions BEGIN DELETE FROM tokens; END',
        'trigger or a view',
      ],
      ["INSERT INTO __drizzle_migrations (hash) VALUES ('of the future')", 'newer release'],
      ['DROP TABLE function_versions', 'backup'],
    ]
    for (const [sql, text] of attacks) {
      const copy = join(dir, crypto.randomUUID())
      Bun.spawnSync(['cp', '-r', dataDir, copy])
      const db = new Database(join(copy, 'metadata.db'))
      db.run('PRAGMA foreign_keys = OFF')
      db.run(sql)
      db.close()
      // The backup itself may refuse; else the restore must.
      const made = await backupToFile(file, { ...options(), dataDir: copy }).catch((error) => error)
      if (made instanceof Error) continue
      const error = await failure(restored())
      expect([sql, error.code]).toEqual([sql, 'BACKUP_INVALID'])
      expect(error.message).toContain(text)
      expect(readdirSync(target)).toEqual(['service.lock'])
    }
  })

  test('that was killed is not a data directory, and the next one succeeds', async () => {
    await backUp()
    mkdirSync(join(target, '.restore/bundles'), { recursive: true })
    mkdirSync(join(target, 'bundles/func-app/v1'), { recursive: true })
    writeFileSync(join(target, 'logs.db'), 'half')
    expect(() => MetadataStore.open(target)).toThrow("run 'functions restore' again")
    expect((await restored()).functions).toBe(3)
    expect(readdirSync(target).toSorted()).toEqual([
      'bundles',
      'metadata.db',
      'service.lock',
      'settings.restored.toml',
    ])
    chmodSync(target, 0o700)
  })
})

describe('a backup that would replace a good one by less', () => {
  const keep = async (why: RegExp) => {
    writeFileSync(file, 'the last good backup')
    const { code, message } = await failure(backUp())
    expect(code).toBe('STORAGE_UNUSABLE')
    expect(message).toMatch(why)
    expect(readFileSync(file, 'utf8')).toBe('the last good backup')
  }
  const replaceDatabase = (make: (path: string) => void) => {
    const path = join(dataDir, 'metadata.db')
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    make(path)
  }

  test('is refused if the database lost its rows', async () => {
    change(
      'PRAGMA foreign_keys = OFF; DELETE FROM function_deployments; DELETE FROM function_versions; DELETE FROM functions',
    )
    await keep(/metadata\.db has no versions: run 'functions check'/)
  })

  test('is refused if it has no tables, other ones, or lacks one', async () => {
    replaceDatabase((path) => writeFileSync(path, ''))
    await keep(/lacks the tables of a service/)
    replaceDatabase((path) => {
      const db = new Database(path)
      db.run('CREATE TABLE x (a)')
      db.close()
    })
    await keep(/lacks the tables of a service/)
  })

  test('is refused if it is a pipe or a folder', async () => {
    replaceDatabase((path) => void Bun.spawnSync(['mkfifo', path]))
    await keep(/it is not a regular file/)
    rmSync(join(dataDir, 'metadata.db'))
    mkdirSync(join(dataDir, 'metadata.db'))
    await keep(/it is not a regular file/)
  })

  test('says how many versions an older database does not know', async () => {
    change("PRAGMA foreign_keys = OFF; DELETE FROM function_versions WHERE version = 'v3'")
    const { warnings, versions } = await backUp()
    expect(versions).toBe(6)
    expect(warnings).toEqual([
      "3 bundles that metadata.db does not know are not in the backup: it may be old. Run 'functions check'",
    ])
  })
})

test('a file that grew beyond its limit does not prevent a backup that restores', async () => {
  const version = join(dataDir, 'bundles/func-app/v1')
  writeFileSync(join(version, 'version.json'), ' '.repeat(2 ** 20 + 1))
  writeFileSync(join(dataDir, 'bundles/func-z/.active'), 'v'.repeat(2 ** 20 + 1))
  Bun.spawnSync(['truncate', '-s', '81M', join(version, 'bundle.js.map')])
  Bun.spawnSync(['truncate', '-s', '3G', join(dataDir, 'bundles/func-app-b/v2/bundle.js')])
  const { warnings, missing } = await backUp()
  const size = 2 ** 20 + 1
  expect(warnings).toEqual([
    `bundles/func-app/v1/bundle.js.map is not in the backup: it is damaged, with ${81 * 2 ** 20} bytes`,
    `bundles/func-app/v1/version.json is not in the backup: it is damaged, with ${size} bytes`,
    `bundles/func-z/.active is not in the backup: it is damaged, with ${size} bytes`,
  ])
  expect(missing).toEqual(['bundles/func-app-b/v2/bundle.js'])
  expect(await restored()).toMatchObject({ functions: 3, versions: 9, missing })
})
