import { Database } from 'bun:sqlite'
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { TelemetryFile } from './telemetry-file.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS logs (id INTEGER PRIMARY KEY, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS logs_by_message ON logs (message);
`

const root = mkdtempSync(join(tmpdir(), 'functions-telemetry-file-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folder: string
let path: string
let reports: string[]
beforeEach(() => {
  folder = mkdtempSync(join(root, 'd-'))
  path = join(folder, 'logs.db')
  reports = []
})

const open = () => {
  return new TelemetryFile(path, SCHEMA, (file, aside, reason) => {
    expect(file).toBe(path)
    expect(readdirSync(folder).some((name) => join(folder, name).startsWith(aside))).toBe(true)
    reports.push(reason)
  })
}

function write(file: TelemetryFile, message: string): void {
  file.use((db) => db.query('INSERT INTO logs (message) VALUES (?)').run(message))
}

function messages(file: TelemetryFile): unknown[] {
  return file.use((db) => db.query('SELECT message FROM logs ORDER BY id').values()).flat()
}

const setAside = () => readdirSync(folder).filter((name) => name.startsWith('logs.db.set-aside-'))

/** A database with more than one page of rows, closed as a service that was killed leaves it. */
function leaveDatabase(): void {
  const file = open()
  for (let i = 0; i < 50; i++) write(file, 'x'.repeat(1000))
  file.close()
}

function overwrite(name: string, at: number, bytes: string): void {
  const file = openSync(join(folder, name), 'r+')
  writeSync(file, bytes, at)
  closeSync(file)
}

describe('a file that cannot be used is set aside with its name and time, and a new one begins', () => {
  const cases: [string, () => void, RegExp][] = [
    ['text', () => writeFileSync(path, 'my notes, not a database\n'.repeat(200)), /not a database/],
    ['short text', () => writeFileSync(path, 'x'), /not a database/],
    ['zeros', () => writeFileSync(path, new Uint8Array(8192)), /not a database/],
    [
      'a damaged page',
      () => {
        leaveDatabase()
        const size = statSync(path).size
        for (let at = 4096; at < size; at += 4096) overwrite('logs.db', at, '\xff'.repeat(300))
      },
      /malformed/,
    ],
    ['a damaged header', () => [leaveDatabase(), overwrite('logs.db', 0, 'XXXXXX')], /not a data/],
    ['a cut file', () => [leaveDatabase(), truncateSync(path, 5000)], /malformed/],
    ['a folder', () => mkdirSync(path), /not a regular file/],
    ['a folder as its -wal', () => mkdirSync(`${path}-wal`), /not a regular file/],
    [
      'the database of another program',
      () => new Database(path).run('CREATE TABLE users (name TEXT)'),
      /another program made it: it has no table logs/,
    ],
    [
      'a table of the same name of another program',
      () => new Database(path).run('CREATE TABLE logs (id INTEGER PRIMARY KEY, text TEXT)'),
      /table logs has no column message/,
    ],
    [
      'a column that needs a value',
      () =>
        new Database(path).run(
          'CREATE TABLE logs (id INTEGER PRIMARY KEY, message TEXT NOT NULL, host TEXT NOT NULL)',
        ),
      /column host that needs a value/,
    ],
    [
      'a view of the same name',
      () => new Database(path).run('CREATE VIEW logs AS SELECT 1 AS id, 2 AS message'),
      /table logs has no column/,
    ],
  ]
  test.each(cases)('%s', (_, make, reason) => {
    make()
    const file = open()
    write(file, 'new')
    expect(messages(file)).toEqual(['new'])
    expect(reports).toHaveLength(1)
    expect(reports[0]).toMatch(reason)
    expect(setAside()[0]).toMatch(/^logs\.db\.set-aside-\d{8}T\d{6}Z(-wal)?$/)
    file.close()
    // It is not set aside again.
    const again = open()
    expect(messages(again)).toEqual(['new'])
    again.close()
    expect(reports).toHaveLength(1)
  })
})

test('what another program wrote is not changed', () => {
  const other = new Database(path)
  other.run("CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('ann')")
  other.close()
  const before = readFileSync(path)
  write(open(), 'new')
  expect(readFileSync(join(folder, setAside()[0] ?? '')).equals(before)).toBe(true)
})

test('a later release may have added tables and columns', () => {
  const later = new Database(path)
  later.run(`CREATE TABLE logs (id INTEGER PRIMARY KEY, message TEXT NOT NULL, host TEXT,
    n INTEGER NOT NULL DEFAULT 0); CREATE TABLE more (x)`)
  later.close()
  const file = open()
  write(file, 'a')
  expect(messages(file)).toEqual(['a'])
  expect(reports).toEqual([])
  file.close()
})

test('a database that is damaged while it is in use is replaced, and nothing new is lost', () => {
  leaveDatabase()
  const file = open()
  write(file, 'first')
  file.use((db) => db.run('PRAGMA wal_checkpoint(TRUNCATE)'))
  const size = statSync(path).size
  for (let at = 4096; at < size; at += 4096) overwrite('logs.db', at, '\xff'.repeat(4096))
  file.use((db) => db.run('PRAGMA cache_size = 0; PRAGMA shrink_memory'))
  for (let i = 0; i < 50; i++) write(file, `then ${i}`)
  expect(messages(file)).toEqual(Array.from({ length: 50 }, (_, i) => `then ${i}`))
  expect(reports).toHaveLength(1)
  file.close()
})

test.each(['logs.db-wal', 'logs.db-shm'])('%s with foreign bytes costs no new row', (name) => {
  leaveDatabase()
  writeFileSync(join(folder, name), 'not a log'.repeat(5000))
  const file = open()
  write(file, 'new')
  expect(messages(file).at(-1)).toBe('new')
  file.close()
})

test('the write-ahead log is set aside with its database', () => {
  const first = open()
  write(first, 'kept in the log')
  const kept = readFileSync(`${path}-wal`)
  first.close()
  writeFileSync(path, 'no database'.repeat(1000))
  writeFileSync(`${path}-wal`, kept)
  write(open(), 'new')
  expect(setAside().some((name) => name.endsWith('Z-wal'))).toBe(true)
})

test('a file that is deleted or replaced while it is in use is opened again', () => {
  const file = open()
  write(file, 'old')
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  write(file, 'new')
  expect(messages(file)).toEqual(['new'])
  expect(existsSync(path)).toBe(true)
  expect(reports).toEqual([])
  file.close()
})

test('a symbolic link is set aside itself, and its target is not touched', () => {
  const target = join(mkdtempSync(join(root, 'disk-')), 'telemetry.db')
  const text = 'no database'.repeat(1000)
  writeFileSync(target, text)
  symlinkSync(target, path)
  const file = open()
  write(file, 'new')
  expect(reports).toHaveLength(1)
  expect(messages(file)).toEqual(['new'])
  expect(readdirSync(dirname(target))).toEqual(['telemetry.db'])
  expect(readFileSync(target, 'utf8')).toBe(text)
  expect(readlinkSync(join(folder, setAside()[0] ?? ''))).toBe(target)
  expect(lstatSync(path).isFile()).toBe(true)
  file.close()
})

test('a sound database behind a symbolic link is used', () => {
  leaveDatabase()
  const target = join(mkdtempSync(join(root, 'disk-')), 'telemetry.db')
  renameSync(path, target)
  symlinkSync(target, path)
  const file = open()
  expect(messages(file)).toHaveLength(50)
  expect(reports).toEqual([])
  file.close()
})

test('a disk that damages every file is not filled', () => {
  const file = open()
  for (let i = 0; i < 5; i++) {
    writeFileSync(path, 'no database'.repeat(1000))
    write(file, 'new')
    file.close()
  }
  writeFileSync(path, 'no database'.repeat(1000))
  expect(() => write(file, 'new')).toThrow(/5 such files were set aside before: check the disk/)
  expect(setAside()).toHaveLength(5)
  expect(reports).toHaveLength(5)
})
