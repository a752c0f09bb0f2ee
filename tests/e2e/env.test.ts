/** Variables and secrets: live when the command returns, whole or absent after a kill, and never seen elsewhere. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { alive, descendants, EXECUTABLE, problem, type Service, Workspace } from './harness.ts'

const SHOW = `export default {
  async fetch(req: Request, env: Record<string, string>) {
    const { pathname, searchParams } = new URL(req.url)
    if (pathname === '/slow') await new Promise((done) => setTimeout(done, Number(searchParams.get('ms'))))
    if (pathname === '/log') {
      console.log('whole', env.KEY)
      console.log(env.KEY.slice(0, 9), env.KEY.slice(9))
      console.log({ key: env.KEY })
      console.error(new Error('failed with ' + env.KEY))
    }
    if (pathname === '/throw') throw new Error('failed with ' + env.KEY)
    return Response.json({ env, process: { ...process.env } })
  },
}`
const SECRET = 'sk_live_the_secret_0123456789'

let space: Workspace
let service: Service | undefined

beforeEach(() => {
  space = new Workspace()
})

afterEach(async () => {
  await service?.stop()
  service = undefined
  space.remove()
})

async function ok(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await space.command(...args)
  if (exitCode !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  return stdout
}

async function refused(...args: string[]): Promise<{ exitCode: number; stderr: string }> {
  const { exitCode, stderr } = await space.command(...args)
  expect(exitCode).not.toBe(0)
  return { exitCode, stderr }
}

async function setSecret(name: string, key: string, value: string, ...flags: string[]) {
  const file = space.source('value.txt', `${value}\n`)
  await ok('secret', 'set', name, key, '--value-file', file, ...flags)
  rmSync(file)
}

async function envOf(name: string): Promise<Record<string, string>> {
  const response = await (service as Service).fetch(`/functions/${name}/`)
  const { env } = (await response.json()) as { env: Record<string, string> }
  return env
}

for (const flags of [[], ['--profile', 'permissive', '--runtime', 'bun']]) {
  test(`env and process.env have the variables, with ${flags[3] ?? 'quickjs-ng'}`, async () => {
    await space.deploy('app', SHOW, ...flags)
    service = await space.serve()
    expect(await envOf('app')).toEqual({})
    expect(await ok('env', 'set', 'app', 'A=1', 'B=two words', 'C=a=b')).toContain('live now')
    await setSecret('app', 'KEY', SECRET)
    const response = await service.fetch('/functions/app/')
    const variables = { A: '1', B: 'two words', C: 'a=b', KEY: SECRET }
    expect(await response.json()).toMatchObject({ env: variables, process: variables })
    await ok('env', 'unset', 'app', 'A', 'C')
    expect(await envOf('app')).toEqual({ B: 'two words', KEY: SECRET })
  }, 60_000)
}

test('a change is live when the command returns, and requests in flight finish with the old values', async () => {
  await space.deploy('app', SHOW)
  await ok('env', 'set', 'app', 'A=old')
  service = await space.serve()
  await envOf('app')
  const slow = service.fetch('/functions/app/slow?ms=1500')
  await Bun.sleep(100)
  await ok('env', 'set', 'app', 'A=new')
  expect(await envOf('app')).toEqual({ A: 'new' })
  expect(await (await slow).json()).toMatchObject({ env: { A: 'old' } })
}, 60_000)

test('a rollback returns to the variables of its deployment, and names those that differ', async () => {
  await space.deploy('app', SHOW)
  await ok('env', 'set', 'app', 'A=1', 'SAME=x')
  await space.deploy('app', `${SHOW}\n// 2`)
  await setSecret('app', 'KEY', SECRET)
  await ok('env', 'set', 'app', 'A=2')
  service = await space.serve()
  const back = JSON.parse(await ok('rollback', 'app', 'v1', '--json'))
  expect(back).toMatchObject({
    version: 'v1',
    envRevision: 1,
    envChanged: ['A', 'KEY'],
    live: true,
  })
  expect(await envOf('app')).toEqual({ A: '1', SAME: 'x' })
  await ok('env', 'set', 'app', 'A=3')
  await space.deploy('app', `${SHOW}\n// 3`)
  await ok('env', 'set', 'app', 'A=4')
  expect(await ok('rollback', 'app', 'v1', '--keep-env')).not.toContain('variables that changed')
  expect(await envOf('app')).toEqual({ A: '4', SAME: 'x' })
}, 60_000)

test('a change with which the function does not load is refused, and nothing changes', async () => {
  const needs = `if (process.env.MODE === 'broken') throw new Error('MODE is broken')\n${SHOW}`
  await space.deploy('app', needs)
  await ok('env', 'set', 'app', 'MODE=good')
  service = await space.serve()
  const { exitCode, stderr } = await refused('env', 'set', 'app', 'MODE=broken')
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('MODE is broken')])
  expect(await envOf('app')).toEqual({ MODE: 'good' })
  expect(JSON.parse(await ok('env', 'list', 'app', '--json'))).toMatchObject([
    { name: 'MODE', kind: 'plain', revision: 1, value: 'good' },
  ])
}, 60_000)

test('a function can have its variables before its first deployment', async () => {
  const needs = `if (!process.env.KEY) throw new Error('no KEY')\n${SHOW}`
  const file = space.source('app.ts', needs)
  expect((await refused('deploy', 'app', file)).stderr).toContain('no KEY')
  expect((await refused('env', 'set', 'app', 'A=1')).stderr).toContain('--create')
  await setSecret('app', 'KEY', SECRET, '--create')
  await ok('env', 'set', 'app', 'A=1')
  service = await space.serve()
  expect(await problem(await service.fetch('/functions/app/'))).toMatchObject({
    code: 'FUNCTION_NOT_DEPLOYED',
  })
  await space.deploy('app', needs)
  expect(await envOf('app')).toEqual({ A: '1', KEY: SECRET })
  await ok('env', 'set', 'new', 'A=1', '--create')
  await ok('delete', 'new')
  expect((await refused('env', 'list', 'new')).stderr).toContain('does not exist')
}, 60_000)

test('deployments, changes and rollbacks at once are ordered, and each is whole', async () => {
  await space.deploy('app', SHOW)
  service = await space.serve()
  const names = Array.from({ length: 4 }, (_, at) => `N${at}`)
  await Promise.all([
    ...names.map((name) => ok('env', 'set', 'app', `${name}=1`)),
    ...[2, 3].map((n) => space.deploy(`app${n}`, SHOW)),
    ...[4, 5].map((n) => ok('deploy', 'app', space.source(`v${n}.ts`, `${SHOW}\n// ${n}`))),
  ])
  expect(Object.keys(await envOf('app')).sort()).toEqual(names)
  const versions = JSON.parse(await ok('versions', 'app', '--json')) as { active: boolean }[]
  expect(versions.map(({ active }) => active)).toEqual([true, false, false])
  await Promise.all([ok('rollback', 'app', 'v1'), ok('env', 'set', 'app', 'LAST=1')])
  const env = await envOf('app')
  const list = JSON.parse(await ok('env', 'list', 'app', '--json')) as { name: string }[]
  expect(Object.keys(env).sort()).toEqual(list.map(({ name }) => name))
}, 60_000)

test('a .env file is imported, and a wrong one is refused with its line', async () => {
  await space.deploy('app', SHOW)
  await ok('env', 'set', 'app', 'KEPT=1', 'A=0')
  const file = space.source('.env', '# comment\nexport A=1\nB="two\nlines"\nC=\'x # y\' # z\n')
  service = await space.serve()
  await ok('env', 'import', 'app', file)
  expect(await envOf('app')).toEqual({ KEPT: '1', A: '1', B: 'two\nlines', C: 'x # y' })
  for (const [text, why] of [
    ['A=1\nwrong\n', '.env:2: this is not a comment'],
    ['A=1\n\nB-C=2\n', '.env:3: "B-C" cannot be the name'],
    [`X='open\n`, '.env:1: the value of X begins'],
  ] as const) {
    const wrong = space.source('.env', text)
    const result = await refused('env', 'import', 'app', wrong)
    expect([result.exitCode, result.stderr]).toEqual([2, expect.stringContaining(why)])
  }
  expect(Object.keys(await envOf('app'))).toHaveLength(4)
}, 60_000)

test('wrong variables are refused with 2 and 400: which, and why', async () => {
  await space.deploy('app', SHOW)
  service = await space.serve()
  const cases: [string[], string][] = [
    [['env', 'set', 'app', '1A=x'], '"1A" cannot be the name of a variable'],
    [['env', 'set', 'app', 'NAME'], 'write NAME=value'],
    [['env', 'set', 'app', `A=${'x'.repeat(65_537)}`], 'The value of A has 65537 bytes'],
    [['env', 'unset', 'app', 'MISSING'], 'no variable MISSING'],
    [['secret', 'set', 'app', 'A-B', '--value-file', '/dev/null'], '"A-B" cannot be the name'],
  ]
  for (const [args, why] of cases) {
    const { exitCode, stderr } = await refused(...args)
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(why)])
  }
  const many = Array.from({ length: 1001 }, (_, at) => `N${at}=x`)
  const { exitCode, stderr } = await refused(
    'env',
    'import',
    'app',
    space.source('many', many.join('\n')),
  )
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('1001 variables')])
  const unix = join(space.dataDir, 'functions.sock')
  const patch = async (body: unknown) => {
    const response = await fetch('http://f/v1/projects/default/functions/app/env', {
      unix,
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return [response.status, ((await response.json()) as { detail?: string }).detail]
  }
  expect(await patch({ set: { A: 'x\0y' } })).toEqual([400, expect.stringContaining('NUL')])
  expect(await patch({ set: { A: '\ud800' } })).toEqual([400, expect.stringContaining('Unicode')])
  expect(await patch({ set: { A: 1 } })).toEqual([400, expect.stringContaining('set.A')])
  expect(await envOf('app')).toEqual({})
}, 60_000)

describe('a secret', () => {
  test('comes from standard input, and a value as an argument is refused', async () => {
    await space.deploy('app', SHOW)
    const args = [EXECUTABLE, 'secret', 'set', 'app', 'KEY', '--data-dir', space.dataDir]
    const child = Bun.spawn(args, { stdin: new Blob([`${SECRET}\n`]), stdout: 'pipe' })
    expect(await child.exited).toBe(0)
    expect((await refused('secret', 'set', 'app', 'KEY', SECRET)).exitCode).toBe(2)
    service = await space.serve()
    expect(await envOf('app')).toEqual({ KEY: SECRET })
    for (const command of [['env', 'list'], ['secret', 'list'], ['show']]) {
      expect(await ok(...command, 'app')).not.toContain(SECRET)
      expect(await ok(...command, 'app', '--json')).not.toContain(SECRET)
    }
  }, 60_000)

  for (const flags of [[], ['--profile', 'permissive', '--runtime', 'bun']]) {
    test(`is nowhere but in its function, with ${flags[3] ?? 'quickjs-ng'}`, async () => {
      await space.deploy('app', SHOW, '--expose-errors', ...flags)
      service = await space.serve()
      await setSecret('app', 'KEY', SECRET)
      const seen: string[] = []
      await service.fetch('/functions/app/log')
      const { process: running } = service
      for (const pid of [running.pid, ...descendants(running.pid)].filter(alive)) {
        for (const file of ['environ', 'cmdline']) {
          seen.push(readFileSync(`/proc/${pid}/${file}`, 'latin1'))
        }
      }
      const thrown = await service.fetch('/functions/app/throw')
      const detail = await thrown.text()
      expect(detail).toContain('failed with [secret KEY]')
      seen.push(detail, JSON.stringify([...thrown.headers]), service.log)
      const log = join(space.dataDir, 'logs.db')
      const rows = () => {
        try {
          const db = openTestDatabase(log)
          const messages = db.query('SELECT message FROM logs').values().flat().join('\n')
          db.close()
          return messages
        } catch {
          // The service has not made it yet.
          return ''
        }
      }
      await eventually('the log has the lines', () => rows().split('[secret KEY]').length > 5)
      expect(rows()).toContain('whole [secret KEY]')
      await service.stop()
      // Also in pieces: the log has no part of it that a line printed.
      expect(seen.join('\n')).not.toContain(SECRET.slice(9))
      const files = [...new Bun.Glob('**').scanSync({ cwd: space.dataDir, dot: true })]
      for (const file of files) {
        const text = readFileSync(join(space.dataDir, file), 'latin1')
        expect([file, text.includes(SECRET), text.includes(SECRET.slice(9))]).toEqual([
          file,
          false,
          false,
        ])
      }
    }, 60_000)
  }

  test('is served again after its key is rotated, with and without a service', async () => {
    await space.deploy('app', SHOW)
    await setSecret('app', 'KEY', SECRET)
    const file = join(space.dataDir, 'secret.key')
    const before = readFileSync(file, 'utf8')
    await ok('secret', 'rotate-key')
    service = await space.serve()
    expect(await ok('secret', 'rotate-key')).toContain('1 secret encrypted')
    expect(await envOf('app')).toEqual({ KEY: SECRET })
    expect(readFileSync(file, 'utf8')).not.toBe(before)
    await service.stop()
    service = await space.serve()
    expect(await envOf('app')).toEqual({ KEY: SECRET })
  }, 60_000)
})

describe('without the key', () => {
  const other = Buffer.alloc(32, 1).toString('base64')
  const losses: [string, (file: string) => void, string][] = [
    ['lost', (file) => rmSync(file), 'is missing'],
    ['wrong', (file) => void Bun.write(file, other), 'has another key'],
    ['readable by others', (file) => chmodSync(file, 0o644), 'chmod 600'],
  ]
  for (const [what, lose, why] of losses) {
    test(`${what}: other functions are served, and the log names those that are not`, async () => {
      await space.deploy('app', SHOW)
      await space.deploy('other', SHOW)
      await setSecret('app', 'KEY', SECRET)
      const file = join(space.dataDir, 'secret.key')
      const content = readFileSync(file, 'utf8')
      lose(file)
      service = await space.serve()
      const { status, code, detail } = await problem(await service.fetch('/functions/app/'))
      expect([status, code]).toEqual([503, 'SECRETS_UNAVAILABLE'])
      expect(detail).toContain("Function 'app' has secrets that cannot be decrypted")
      expect(detail).toContain('secrets.key_file')
      expect(detail).not.toContain(space.dataDir)
      expect(await envOf('other')).toEqual({})
      const line = service.log.split('\n').find((text) => text.includes('cannot be decrypted'))
      expect(JSON.parse(line ?? '{}')).toMatchObject({
        functions: 'app',
        why: expect.stringContaining(why),
      })
      expect((await refused('secret', 'rotate-key')).stderr).toContain('--discard-lost')
      rmSync(file, { force: true })
      await Bun.write(file, content)
      chmodSync(file, 0o600)
      await eventually('it is served', async () => (await envOf('app'))?.KEY === SECRET)
    }, 60_000)
  }

  test('a new key and new secrets are the way out', async () => {
    await space.deploy('app', SHOW)
    await setSecret('app', 'KEY', SECRET)
    rmSync(join(space.dataDir, 'secret.key'))
    service = await space.serve()
    expect(await ok('secret', 'rotate-key', '--discard-lost')).toContain('set them again')
    await setSecret('app', 'KEY', 'another')
    expect(await envOf('app')).toEqual({ KEY: 'another' })
  }, 60_000)
})

test('the key can come from the environment, which no other process has', async () => {
  const key = Buffer.alloc(32, 7).toString('base64')
  await space.deploy('app', SHOW, '--profile', 'permissive', '--runtime', 'bun')
  space.environment.FUNCTIONS_SECRET_KEY = key
  service = await space.serve()
  await setSecret('app', 'KEY', SECRET)
  expect(await envOf('app')).toEqual({ KEY: SECRET })
  expect(existsSync(join(space.dataDir, 'secret.key'))).toBe(false)
  for (const pid of descendants(service.process.pid).filter(alive)) {
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toContain(key)
  }
  const response = await service.fetch('/functions/app/')
  expect(await response.text()).not.toContain(key)
  await ok('restart')
  expect(await envOf('app')).toEqual({ KEY: SECRET })
  expect(service.log).not.toContain(key)
}, 60_000)

test('a backup has secrets encrypted, and restore says which key they need', async () => {
  await space.deploy('app', SHOW)
  await setSecret('app', 'KEY', SECRET)
  const archive = join(space.dir, 'backup.tar')
  expect(await ok('backup', archive)).toContain('the key file is not in the backup')
  const bytes = readFileSync(archive, 'latin1')
  const key = readFileSync(join(space.dataDir, 'secret.key'), 'utf8').trim()
  expect([bytes.includes(SECRET), bytes.includes(key)]).toEqual([false, false])
  const old = `${space.dataDir}.old`
  renameSync(space.dataDir, old)
  expect(await ok('restore', archive)).toContain('put its file at')
  renameSync(join(old, 'secret.key'), join(space.dataDir, 'secret.key'))
  service = await space.serve()
  expect(await envOf('app')).toEqual({ KEY: SECRET })
}, 60_000)

test('a repair keeps variables and secrets', async () => {
  await space.deploy('app', SHOW)
  await ok('env', 'set', 'app', 'A=1')
  await setSecret('app', 'KEY', SECRET)
  const db = openTestDatabase(join(space.dataDir, 'metadata.db'))
  db.run('PRAGMA foreign_keys = OFF')
  db.run('DROP TABLE function_deployments')
  db.close()
  await ok('check', '--repair')
  service = await space.serve()
  expect(await envOf('app')).toEqual({ A: '1', KEY: SECRET })
}, 60_000)

test('changes at once are ordered, and the last acknowledged one is live', async () => {
  await space.deploy('app', SHOW)
  service = await space.serve()
  const names = Array.from({ length: 6 }, (_, at) => `N${at}`)
  await Promise.all(names.map((name) => ok('env', 'set', 'app', `${name}=1`)))
  expect(Object.keys(await envOf('app')).sort()).toEqual(names)
}, 60_000)

test('kill -9 during changes and rotations leaves each whole or absent', async () => {
  await space.deploy('app', SHOW)
  await setSecret('app', 'KEY', SECRET)
  await ok('env', 'set', 'app', 'A=0', 'B=0', 'C=0')
  let acknowledged = 0
  for (let round = 1; round <= 6; round++) {
    service = await space.serve()
    const running = service
    let last = acknowledged
    const client = (async () => {
      for (let n = acknowledged + 1; ; n++) {
        // Three variables that belong together.
        last = n
        const { exitCode } = await space.command('env', 'set', 'app', `A=${n}`, `B=${n}`, `C=${n}`)
        if (exitCode !== 0 || running.process.killed) return
        acknowledged = n
      }
    })()
    const rotations = (async () => {
      while ((await space.command('secret', 'rotate-key')).exitCode === 0) {
        if (running.process.killed) return
      }
    })()
    await Bun.sleep(150 + 130 * round)
    await running.stop('SIGKILL')
    await Promise.all([client, rotations])
    service = await space.serve()
    const { A, B, C, KEY } = await envOf('app')
    expect([B, C, KEY]).toEqual([A as string, A as string, SECRET])
    expect(Number(A)).toBeGreaterThanOrEqual(acknowledged)
    expect(Number(A)).toBeLessThanOrEqual(last)
    acknowledged = Number(A)
    await service.stop()
    const keys = readdirSync(space.dataDir).filter((name) => name.startsWith('secret.key'))
    expect(keys).toEqual(['secret.key'])
  }
  service = undefined
}, 120_000)

test('no request fails or gets old values while variables change under load', async () => {
  await space.deploy('app', SHOW)
  await ok('env', 'set', 'app', 'N=0')
  service = await space.serve()
  const running = service
  const unix = join(space.dataDir, 'functions.sock')
  let acknowledged = 0
  let done = false
  const problems: string[] = []
  const client = async () => {
    while (!done) {
      const least = acknowledged
      const response = await running.fetch('/functions/app/')
      const text = await response.text()
      const { N } = response.status === 200 ? JSON.parse(text).env : { N: -1 }
      if (Number(N) < least) problems.push(`${response.status} ${text}, after ${least}`)
    }
  }
  const clients = Array.from({ length: 16 }, client)
  for (let n = 1; n <= 40; n++) {
    const response = await fetch('http://f/v1/projects/default/functions/app/env', {
      unix,
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ set: { N: `${n}` } }),
    })
    expect(response.status).toBe(200)
    acknowledged = n
  }
  done = true
  await Promise.all(clients)
  expect(problems).toEqual([])
}, 60_000)

test('a change during a traffic split applies to all versions, and a rollback returns to the split', async () => {
  await space.deploy('app', `${SHOW}\nexport const version = 'one'`)
  await space.deploy('app', `${SHOW}\nexport const version = 'two'`)
  service = await space.serve()
  await ok('env', 'set', 'app', 'A=0')
  await ok('traffic', 'app', 'v1=50', 'v2=50')
  await ok('env', 'set', 'app', 'A=1')
  const seen = new Set<string>()
  for (let n = 0; n < 40; n++) seen.add((await envOf('app')).A as string)
  expect([...seen]).toEqual(['1'])
  const workers = await service.workers()
  expect(
    new Set(workers.filter(({ state }) => state !== 'draining').map(({ version }) => version)),
  ).toEqual(new Set(['v1', 'v2']))
  const shares = async () => JSON.parse(await ok('traffic', 'app', '--json')).versions
  expect(await shares()).toEqual({ v1: 50, v2: 50 })
  expect(JSON.parse(await ok('rollback', 'app', '--json'))).toMatchObject({ envChanged: ['A'] })
  expect(await shares()).toEqual({ v1: 50, v2: 50 })
  expect((await envOf('app')).A).toBe('0')
}, 60_000)
