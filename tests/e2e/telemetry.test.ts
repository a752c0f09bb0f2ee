/** The databases of logs and metrics: they never end the service, and no line is lost unnoticed. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { type Service, Workspace } from './harness.ts'

const workspace = new Workspace()
let service: Service
const logs = join(workspace.dataDir, 'logs.db')

beforeAll(async () => {
  await workspace.deploy(
    'say',
    `export default (r: Request) => {
      console.log(decodeURIComponent(new URL(r.url).search.slice(1)))
      return new Response('said')
    }`,
  )
  writeFileSync(logs, 'a file of the operator\n'.repeat(500))
  writeFileSync(join(workspace.dataDir, 'metrics.db'), 'x')
  service = await workspace.serve()
})

afterAll(async () => {
  await service.stop()
  workspace.remove()
})

async function say(text: string): Promise<void> {
  expect(await (await service.fetch(`/functions/say?${text}`)).text()).toBe('said')
}

const said = () => messages('say')

/** The log of a function; empty while there is no usable database. */
function messages(name: string): string[] {
  try {
    using db = openTestDatabase(logs)
    const rows = db.query('SELECT message FROM logs WHERE function = ? ORDER BY id').values(name)
    return rows.flat() as string[]
  } catch {
    return []
  }
}

const setAside = (name: string) =>
  readdirSync(workspace.dataDir).filter((file) => file.startsWith(`${name}.set-aside-`))

/** The lines of the service's log that report a database. */
function setAsideLines() {
  const lines = service.log.split('\n').filter((line) => line.includes('was set aside'))
  return lines.map((line) => JSON.parse(line))
}

test('a logs.db that is no database is set aside, and the log of the service says so', async () => {
  await say('first')
  await eventually('the line is in the new database', () => setAside('logs.db').length === 1)
  await eventually('it is written', () => said().includes('first'))
  const [name = ''] = setAside('logs.db')
  expect(readFileSync(join(workspace.dataDir, name), 'utf8')).toStartWith('a file of the operator')
  const lines = () => setAsideLines().filter(({ file }) => file === logs)
  await eventually('the service says so', () => lines().length > 0)
  const [entry] = lines()
  expect(entry).toMatchObject({
    level: 'warn',
    file: logs,
    setAside: join(workspace.dataDir, name),
    reason: expect.stringContaining('is not a database'),
    remedy: expect.stringContaining(name),
  })
})

const MANY = 12_000
const ALL = MANY + 3

test.each(['quickjs-ng', 'bun'])(
  'every line that %s drops is counted',
  async (runtime) => {
    const name = `flood-${runtime}`
    const profile = workspace.source('eval.json', '{"allowEval":true,"maxMemory":"512MB"}')
    // More than the channel and the rate hold. Only a few lines follow, then nothing.
    await workspace.deploy(
      name,
      `const line = 'x'.repeat(300)
    export default (r: Request) => {
      const lines = Number(new URL(r.url).search.slice(1))
      for (let i = 0; i < lines; i++) console.log(line)
      return new Response('done')
    }`,
      ...['--profile', profile, '--runtime', runtime],
    )
    for (const lines of [MANY, 3]) {
      expect(await (await service.fetch(`/functions/${name}?${lines}`)).text()).toBe('done')
    }
    const counted = () => {
      const rows = messages(name)
      const lost = rows.map((text) => /^(\d+) log lines were dropped: /.exec(text)?.[1])
      return rows.filter((text) => text.startsWith('xxx')).length + lost.reduce(add, 0)
    }
    await eventually('all lines are counted', () => counted() === ALL)
    const metrics = await service.metrics()
    const total = new RegExp(
      `functions_log_lines_dropped_total{project="default",function="${name}".*} (\\d+)`,
    )
    const kept = messages(name).filter((text) => text.startsWith('xxx')).length
    expect(Number(total.exec(metrics)?.[1])).toBe(ALL - kept)
  },
  20_000,
)

function add(sum: number, next: string | undefined): number {
  return sum + Number(next ?? 0)
}

test('a logs.db that is damaged while the service runs is replaced, and its next line is kept', async () => {
  for (let i = 0; i < 40; i++) await say(`${i}${'x'.repeat(1000)}`)
  await eventually('they are written', () => said().length > 40)
  const db = openTestDatabase(logs)
  db.run('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  const file = openSync(logs, 'r+')
  writeSync(file, Buffer.alloc(statSync(logs).size - 4096, 0xff), 0, undefined, 4096)
  closeSync(file)
  await say('after')
  await eventually('it was set aside', () => setAside('logs.db').length > 1)
  await eventually('the line is there', () => said().includes('after'))
  expect((await service.fetch('/health')).status).toBe(200)
})

test('a metrics.db that is no database is set aside, too', async () => {
  expect(await service.stop()).toBe(0)
  expect(setAside('metrics.db')).toHaveLength(1)
  const files = setAsideLines().map(({ file }) => file)
  expect(files).toEqual(expect.arrayContaining([logs, join(workspace.dataDir, 'metrics.db')]))
  const db = openTestDatabase(join(workspace.dataDir, 'metrics.db'))
  expect(db.query('SELECT sum(invocations) FROM function_metrics').values()).toEqual([[46]])
  db.close()
})
