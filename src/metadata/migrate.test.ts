/** Migrations: what a release may change, and which releases open the result. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { type Migration, migrate, migrations, refuseNewer } from './migrate.ts'

/** The migrations that release 0.2.0 knows. It refuses a database whose table __drizzle_migrations names another. */
const LAST_RELEASE = ['6fefcb959cc385c50e823162fd19404c28308ee98547a5f001c4437d0a229891']

interface Column {
  name: string
  type: string
  notnull: number
  dflt_value: string | null
  pk: number
}

/** Columns by table, and the text of every other object by name. */
function schemaOf(db: Database) {
  const objects = db
    .query<{ type: string; name: string; sql: string | null }, []>(
      "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '\\_\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
    )
    .all()
  const tables = new Map<string, Column[]>()
  const others = new Map<string, string | null>()
  for (const { type, name, sql } of objects) {
    if (type === 'table') {
      const columns = db.query<Column & { cid: number }, []>(`PRAGMA table_info(${name})`).all()
      tables.set(
        name,
        columns.map(({ cid: _, ...column }) => column),
      )
    } else others.set(`${type} ${name}`, sql)
  }
  return { tables, others }
}

/** What the release before would miss, or trip over. */
function breaks(before: Database, after: Database): string[] {
  const old = schemaOf(before)
  const now = schemaOf(after)
  const found: string[] = []
  for (const [table, columns] of old.tables) {
    const left = [...(now.tables.get(table) ?? [])]
    for (const column of columns) {
      const at = left.findIndex((each) => Bun.deepEquals(each, column))
      if (at < 0) found.push(`${table}.${column.name} changed`)
      else left.splice(at, 1)
    }
    for (const { name, notnull, dflt_value } of left) {
      if (notnull === 1 && dflt_value === null) found.push(`${table}.${name} must be given`)
    }
  }
  for (const [name, sql] of old.others)
    if (now.others.get(name) !== sql) found.push(`${name} changed`)
  for (const [name, sql] of now.others) {
    const table = / ON `?(\w+)/i.exec(sql ?? '')?.[1]
    const ofOld = table !== undefined && old.tables.has(table)
    if (ofOld && !old.others.has(name) && /^trigger|UNIQUE/i.test(`${name} ${sql}`))
      found.push(`${name} restricts`)
  }
  return found
}

function migrated(known: Migration[]): Database {
  const db = new Database(':memory:')
  migrate(db, 'memory', known)
  return db
}

const isReleased = ({ hash }: Migration) => LAST_RELEASE.some((known) => hash === known)
const released = migrations().filter(isReleased)
const added = migrations().filter((migration) => !isReleased(migration))

test('the migrations of the last release are unchanged', () => {
  expect(released.length).toBe(LAST_RELEASE.length)
})

test('this release only adds to the tables of the last one, which opens the result', () => {
  const db = migrated(released)
  migrate(db, 'memory')
  expect(breaks(migrated(released), db)).toEqual([])
  expect(added.filter(({ adds }) => !adds)).toEqual([])
  const names = db.query<{ hash: string }, []>('SELECT hash FROM __drizzle_migrations').all()
  expect(names.map(({ hash }) => hash)).toEqual(released.map(({ hash }) => hash))
  expect(() => refuseNewer(db, 'memory', released)).not.toThrow()
  // A second start finds nothing to do.
  migrate(db, 'memory')
})

test('the comparison notices what is no addition', () => {
  const cases: [string, string][] = [
    ['ALTER TABLE functions RENAME COLUMN handler TO export', 'functions.handler changed'],
    ['ALTER TABLE functions DROP COLUMN status', 'functions.status changed'],
    ['DROP TABLE tokens', 'tokens.id changed'],
    ['CREATE UNIQUE INDEX one_runtime ON functions (runtime)', 'index one_runtime restricts'],
    ['DROP INDEX function_deployments_function', 'index function_deployments_function changed'],
    [
      'CREATE TRIGGER no_more BEFORE INSERT ON functions BEGIN SELECT RAISE(ABORT, 1); END',
      'trigger no_more restricts',
    ],
  ]
  for (const [statement, found] of cases) {
    const db = migrated(released)
    db.run(statement)
    expect(breaks(migrated(released), db)).toContain(found)
  }
  const db = migrated(released)
  db.run('ALTER TABLE functions ADD COLUMN note TEXT')
  db.run('CREATE TABLE more (id TEXT)')
  db.run('CREATE INDEX quicker ON functions (runtime)')
  expect(breaks(migrated(released), db)).toEqual([])
})

test('additions of a newer release are no obstacle, other changes are', () => {
  const later = (adds: boolean): Migration => ({
    hash: `later-${adds}`,
    when: 1,
    statements: [`CREATE TABLE later_${adds} (id TEXT)`],
    adds,
  })
  const db = migrated([...migrations(), later(true)])
  migrate(db, 'memory')
  expect(db.query('SELECT count(*) AS n FROM later_true').get()).toEqual({ n: 0 })
  migrate(db, 'memory', [...migrations(), later(true), later(false)])
  expect(() => migrate(db, 'memory')).toThrow('newer release')
  expect(() => refuseNewer(db, 'memory')).toThrow('newer release')
})
