/** The data directory of the last release, 0.2.0. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { namedProfile } from '../../src/capabilities/profiles.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { ROOT } from './harness.ts'

const TABLES = 'src/metadata/migrations/0000_tables.sql'
const CAPABILITIES = JSON.stringify(namedProfile('strict', 'default'))

/**
 * Makes a data directory as release 0.2.0 leaves it: the first migration only, and a bundle without `version.json`. It
 * has the function `old`, with the variable OLD.
 */
export function makeLastRelease(dataDir: string): void {
  const bundle = join(dataDir, 'bundles/func-old/v1')
  mkdirSync(bundle, { recursive: true })
  const code = `export default (_request, ctx) => new Response(ctx.env.OLD === 'kept' ? 'old' : 'lost')\n`
  writeFileSync(join(bundle, 'bundle.js'), code)
  writeFileSync(join(bundle, 'bundle.js.map'), '{"version":3,"sources":[],"mappings":""}')
  writeFileSync(join(dataDir, 'metadata.db'), '')
  const db = openTestDatabase(join(dataDir, 'metadata.db'))
  const tables = readFileSync(join(ROOT, TABLES), 'utf8')
  for (const statement of tables.split('--> statement-breakpoint')) db.run(statement)
  const hash = new Bun.CryptoHasher('sha256').update(tables).digest('hex')
  db.run(
    'CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, created_at NUMERIC)',
  )
  db.run('INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, 1795490167305)', [hash])
  const sha256 = new Bun.CryptoHasher('sha256').update(code).digest('hex')
  const time = '2026-11-01T00:00:00.000Z'
  const settings = [CAPABILITIES, '{"profile":"strict","exposeErrors":false}']
  const version = [
    'version',
    'func-old',
    'v1',
    'quickjs-ng',
    'default',
    ...settings,
    'quickjs-ng/0.17.0',
  ]
  const file = ['bundles/func-old/v1/bundle.js', sha256, code.length, time]
  const insert = (table: string, values: (string | number)[]) =>
    db.run(`INSERT INTO ${table} VALUES (${values.map(() => '?').join(',')})`, values)
  db.run('PRAGMA foreign_keys = OFF')
  insert('functions', [
    ...['func-old', 'default', 'old', 'quickjs-ng', 'default', 'deployed', 'version'],
    ...[...settings, time, time],
  ])
  insert('function_versions', [...version, ...file])
  insert('function_deployments', [1, 'func-old', 'version', 'active', time])
  insert('env', ['func-old', 'OLD', 'kept', time])
  db.close()
}
