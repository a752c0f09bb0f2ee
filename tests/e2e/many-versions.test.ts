/**
 * A start does not depend on the number of versions. FUNCTIONS_TEST_VERSIONS=1000000 measures it with a
 * million; the number here only shows that nothing looks at each of them.
 */
import { afterAll, expect, test } from 'bun:test'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { Workspace } from './harness.ts'

const VERSIONS = Number(process.env.FUNCTIONS_TEST_VERSIONS ?? 20_000)
const MEASURED = process.env.FUNCTIONS_TEST_VERSIONS !== undefined
const FUNCTIONS = Math.min(1000, VERSIONS / 20)

const space = new Workspace()
afterAll(() => space.remove())

/** Rows as deployments write them: each function has its share of versions, the newest is active. */
function addVersions(): void {
  const db = openTestDatabase(join(space.dataDir, 'metadata.db'))
  const { id, active_version_id } = db.query('SELECT * FROM functions').get() as {
    id: string
    active_version_id: string
  }
  const columns = 'runtime, handler, capabilities_json, config_json'
  const source = `FROM function_versions WHERE id = '${active_version_id}'`
  db.transaction(() => {
    db.run('PRAGMA defer_foreign_keys = ON')
    db.run(`INSERT INTO functions (id, project, name, status, active_version_id, created_at, updated_at, ${columns})
      WITH RECURSIVE n(f) AS (SELECT 0 UNION ALL SELECT f + 1 FROM n WHERE f < ${FUNCTIONS - 1})
      SELECT 'func-many-' || f, project, 'many-' || f, status, 'many-' || f || '-' || ${VERSIONS / FUNCTIONS}, created_at, updated_at, ${columns}
      FROM n, functions WHERE functions.id = '${id}'`)
    db.run(`INSERT INTO function_versions (id, function_id, version, engine, bundle_path, bundle_sha256, size, created_at, ${columns})
      WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < ${VERSIONS / FUNCTIONS})
      SELECT 'many-' || f.key || '-' || v, 'func-many-' || f.key, 'v' || v, engine, bundle_path, bundle_sha256, size,
        strftime('%Y-%m-%dT%H:%M:%fZ', 1700000000 + v, 'unixepoch'), ${columns}
      FROM n, (SELECT CAST(substr(name, 6) AS INTEGER) AS key FROM functions WHERE name LIKE 'many-%') f, (SELECT * ${source})`)
    db.run(`INSERT INTO function_deployments (function_id, version_id, status, created_at)
      SELECT function_id, id, CASE WHEN version = 'v' || ${VERSIONS / FUNCTIONS} THEN 'active' ELSE 'superseded' END, created_at
      FROM function_versions WHERE id LIKE 'many-%'`)
  })()
  db.close()
}

/** The fastest of several starts if it is to be published. */
async function startTime(): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < (MEASURED ? 9 : 1); n++) times.push(await oneStart())
  return Math.min(...times)
}

async function oneStart(): Promise<number> {
  const begin = performance.now()
  const service = await space.serve()
  const took = performance.now() - begin
  expect(await (await service.fetch('/functions/one')).text()).toBe('one')
  await service.stop()
  return took
}

test(`a start with ${VERSIONS} versions looks at none of them that is not active`, async () => {
  await space.deploy('one', `export default () => new Response('one')\n`)
  await startTime()
  const before = await startTime()
  addVersions()
  const leftover = join(space.dataDir, 'bundles/func-many-1/v0')
  mkdirSync(leftover, { recursive: true })
  const after = await startTime()
  // A generous bound, which only a scan of a large directory would exceed.
  expect(after).toBeLessThan(before * 3 + 2000)
  expect(existsSync(leftover)).toBe(true)
  const list = JSON.parse((await space.command('list', '--json')).stdout)
  expect(list).toHaveLength(FUNCTIONS + 1)
  const versions = JSON.parse((await space.command('versions', 'many-1', '--json')).stdout)
  expect(versions).toHaveLength(VERSIONS / FUNCTIONS)
  expect(versions[0]).toMatchObject({ version: `v${VERSIONS / FUNCTIONS}`, active: true })
  const garbage = JSON.parse((await space.command('gc', 'many-1', '--keep', '3', '--json')).stdout)
  expect(garbage.versions).toBe(VERSIONS / FUNCTIONS - 4)
  if (MEASURED) {
    console.log(
      `start: ${before.toFixed(0)} ms with 1 version, ${after.toFixed(0)} ms with ${VERSIONS}`,
    )
  }
}, 300_000)
