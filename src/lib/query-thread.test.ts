import { Database } from 'bun:sqlite'
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { QueryThread } from './query-thread.ts'

const dir = mkdtempSync(join(tmpdir(), 'functions-queries-'))
const path = join(dir, 'a.db')
const db = new Database(path)
db.run('PRAGMA journal_mode = WAL')
db.run("CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'one'), (2, 'two')")
const thread = new QueryThread()
afterAll(() => {
  thread.close()
  db.close()
  rmSync(dir, { recursive: true })
})

test('answers many at once, each its own', async () => {
  const answers = await Promise.all(
    [1, 2, 3].map((a) => thread.all(path, 'SELECT b FROM t WHERE a = ?', [a])),
  )
  expect(answers).toEqual([[{ b: 'one' }], [{ b: 'two' }], []])
})

test('sees what was written since, also by another process’s connection', async () => {
  db.run("INSERT INTO t VALUES (3, 'three')")
  expect(await thread.all<{ n: number }>(path, 'SELECT count(*) AS n FROM t')).toEqual([{ n: 3 }])
})

test('a long query keeps nobody else waiting', async () => {
  const endless =
    'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3000000) SELECT sum(x) AS s FROM c'
  let over = false
  const long = thread.all(path, endless).then((rows) => {
    over = true
    return rows
  })
  let turns = 0
  while (!over) {
    turns++
    await Bun.sleep(1)
  }
  expect(await long).toEqual([{ s: 4_500_001_500_000 }])
  expect(turns).toBeGreaterThan(10)
})

test('a file or table that does not exist has no rows, and is not made', async () => {
  const missing = join(dir, 'missing.db')
  expect(await thread.all(missing, 'SELECT 1')).toEqual([])
  expect(await thread.all(path, 'SELECT * FROM missing')).toEqual([])
  expect(await Bun.file(missing).exists()).toBe(false)
})

test.each([
  [path, 'SELECT missing FROM t', /no such column/],
  [path, "INSERT INTO t VALUES (4, 'four')", /readonly/],
])('%s %s', async (file, sql, reason) => {
  expect(thread.all(file, sql)).rejects.toThrow(reason)
})

test('another file in its place', async () => {
  const text = join(dir, 'text.db')
  writeFileSync(text, 'no database'.repeat(1000))
  expect(thread.all(text, 'SELECT * FROM t')).rejects.toThrow(/not a database/)
})

test('too many are refused, and it starts again after it was closed', async () => {
  const other = new QueryThread()
  const many = Array.from({ length: 150 }, () => other.all(path, 'SELECT 1 AS one'))
  const results = await Promise.allSettled(many)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(100)
  const pending = other.all(path, 'SELECT 1 AS one')
  other.close()
  expect(pending).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  expect(await other.all(path, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  other.close()
})
