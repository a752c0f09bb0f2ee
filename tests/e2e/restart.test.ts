/** Restarts of a running service: no request and no change is lost, and what fails changes nothing. */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { migrate, migrations } from '../../src/metadata/migrate.ts'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { ConstantLoad } from './constant-load.ts'
import { alive, EXECUTABLE, Workspace } from './harness.ts'
import { documentOf, FOREVER, HELLO, Installed, successor } from './installed.ts'
import { makeLastRelease } from './last-release.ts'
import { NO_MOUNT } from './small-disk.ts'

const ADDED_INDEXES = [
  'function_deployments_version',
  'function_versions_newest',
  'functions_active_version',
]
const tablesOf = (db: Database) =>
  db
    .query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    .values()
    .flat() as string[]
const columnsOf = (db: Database, table: string) =>
  db.query('SELECT name FROM pragma_table_info(?)').values(table).flat() as string[]

const MIGRATE = readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'latin1').trim()

describe('under load', () => {
  const installed = new Installed()
  afterAll(() => installed.remove())

  test(`ten restarts and an upgrade lose no request (tcp_migrate_req is ${MIGRATE})`, async () => {
    await installed.space.deploy('hello', HELLO)
    await installed.serve()
    const load = new ConstantLoad({
      port: installed.port,
      path: '/functions/hello',
      body: 'hello',
      rate: 100,
    })
    const pids = new Set([installed.pid])
    for (let round = 0; round < 10; round++) {
      const before = load.answered
      pids.add(documentOf(await installed.restart()).pid as number)
      await eventually('the load goes on', () => load.answered > before + 20)
    }
    expect(await installed.first?.exited).toBe(0)
    const upgraded = documentOf(await installed.upgrade(EXECUTABLE))
    pids.add(upgraded.pid as number)
    const before = load.answered
    await eventually('the load goes on', () => load.answered > before + 100)
    const { failures, answered, reused } = await load.stop()
    expect(Object.fromEntries(failures)).toEqual({})
    expect(answered).toBeGreaterThan(500)
    expect(reused).toBeGreaterThan(100)
    expect(pids.size).toBe(12)
    expect(installed.pid).toBe(upgraded.pid as number)
    await eventually('the processes before have ended', () =>
      [...pids].every((pid) => pid === installed.pid || !alive(pid)),
    )
  }, 120_000)
})

describe('a restart', () => {
  let installed: Installed
  beforeAll(async () => {
    installed = await Installed.serving()
  }, 30_000)
  afterAll(() => installed.remove())

  test('closes kept connections with an answer, which is of the version that is active by then', async () => {
    const socket = connect(installed.port, '127.0.0.1')
    let text = ''
    let closed = false
    socket.on('data', (bytes) => {
      text += bytes
    })
    socket.on('close', () => {
      closed = true
    })
    const send = () => socket.write('GET /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n')
    send()
    await eventually('the first answer', () => text.endsWith('hello'))
    expect(text).not.toMatch(/connection: close/i)
    const before = installed.pid
    documentOf(await installed.restart())
    await installed.space.deploy('hello', `export default () => new Response('second')\n`)
    expect(closed).toBe(false)
    send()
    await eventually('the second answer', () => text.endsWith('second'))
    expect(text).toMatch(/connection: close/i)
    await eventually('the server closes the connection', () => closed)
    await eventually('the process has ended', () => !alive(before))
    await installed.space.deploy('hello', HELLO)
  }, 30_000)

  test('shares the port with no other process of the same user', async () => {
    const bind = `
import socket, sys
thief = socket.socket()
thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
thief.bind(('127.0.0.1', int(sys.argv[1])))
thief.listen()`
    const steal = async () => {
      const child = Bun.spawn(['python3', '-c', bind, `${installed.port}`], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      return await new Response(child.stderr).text()
    }
    expect(await steal()).toContain('Address already in use')
    const [during] = await Promise.all([steal(), installed.restart().then(documentOf)])
    expect(during).toContain('Address already in use')
    expect(await steal()).toContain('Address already in use')
  }, 30_000)

  test('finishes running requests in the old process', async () => {
    await installed.space.deploy(
      'slow',
      `export default async () => { await new Promise((done) => setTimeout(done, 1500)); return new Response('slow') }\n`,
    )
    const answer = installed.ask('/functions/slow')
    await eventually('it runs', async () =>
      /^functions_in_flight\D* 1$/m.test(await installed.metrics()),
    ).catch(() => Bun.sleep(200))
    documentOf(await installed.restart())
    expect(await answer).toBe('slow')
  }, 30_000)

  test('loses no deployment: each is done by one of the processes', async () => {
    let done = false
    const failures: string[] = []
    let deployed = 0
    const deploying = (async () => {
      while (!done) {
        const file = installed.space.source(
          'counted.ts',
          `export default () => new Response('n${deployed + 1}')\n`,
        )
        const result = await installed.space.command('deploy', 'counted', file)
        if (result.exitCode === 0) deployed++
        else failures.push(result.stderr)
      }
    })()
    for (let round = 0; round < 4; round++) documentOf(await installed.restart())
    done = true
    await deploying
    expect(failures).toEqual([])
    expect(deployed).toBeGreaterThan(3)
    expect(await installed.ask('/functions/counted')).toBe(`n${deployed}`)
    const versions = JSON.parse(
      (await installed.space.command('versions', 'counted', '--json')).stdout,
    )
    expect(versions.length).toBe(deployed)
  }, 60_000)

  test('of two at once one is refused, and names why', async () => {
    const results = await Promise.all([installed.restart(), installed.restart()])
    const refused = results.filter(({ exitCode }) => exitCode !== 0)
    for (const { stderr } of refused) expect(stderr).toMatch(/already running|Another process/)
    expect(refused.length).toBeLessThan(2)
    expect(await installed.ask('/functions/hello')).toBe('hello')
  }, 30_000)

  test('leaves nothing of the old processes in the data directory', async () => {
    await eventually('one zygote is left', () => {
      const names = Bun.spawnSync(['ls', join(installed.space.dataDir, 'run')]).stdout.toString()
      return names.match(/\.sock/g)?.length === 1
    })
    expect(statSync(join(installed.space.dataDir, 'functions.sock')).mode & 0o777).toBe(0o600)
  })
})

const TAKE_SOCKET = (path: string) => `
thief = socket.socket(socket.AF_UNIX)
thief.bind(${JSON.stringify(path)} + '.thief')
os.rename(${JSON.stringify(path)} + '.thief', ${JSON.stringify(path)})
sys.exit(7)`

describe('a process that does not take over changes nothing', () => {
  let installed: Installed
  let load: ConstantLoad
  beforeAll(async () => {
    installed = await Installed.serving()
    const { port } = installed
    load = new ConstantLoad({ port, path: '/functions/hello', body: 'hello', rate: 50 })
  }, 30_000)
  afterAll(async () => {
    const { failures } = await load.stop()
    await installed.remove()
    // No request was lost while all of this failed.
    expect(Object.fromEntries(failures)).toEqual({})
  })

  const CASES: [string, () => string, RegExp][] = [
    ['is no program', () => 'nothing to execute', /ENOEXEC|cannot be executed/],
    ['crashes', () => '#!/bin/sh\nexit 3\n', /ended with status 3/],
    ['is killed', () => '#!/bin/sh\nkill -9 $$\n', /ended by SIGKILL/],
    ['hangs', () => '#!/bin/sh\nexec sleep 1000\n', /not ready within 700 ms/],
    [
      'speaks another protocol',
      () => '#!/bin/sh\necho nonsense >&4\nexec sleep 1000\n',
      /took over|take over/,
    ],
    ['hangs before it opens the data directory', () => successor([], FOREVER), /not ready within/],
    ['hangs with the lock released', () => successor(['prepared'], FOREVER), /not ready within/],
    ['crashes with the lock released', () => successor(['prepared'], 'sys.exit(4)'), /status 4/],
    [
      'hangs as the only one that accepts',
      () => successor(['prepared', 'adopted'], FOREVER),
      /not ready/,
    ],
    [
      'crashes with the management socket',
      () =>
        successor(
          ['prepared', 'adopted'],
          TAKE_SOCKET(join(installed.space.dataDir, 'functions.sock')),
        ),
      /status 7/,
    ],
  ]

  test.each(CASES)(
    'because it %s',
    async (_name, program, why) => {
      const before = installed.pid
      installed.replaceExecutable(program())
      const result = await installed.restart('--timeout', '700ms')
      installed.restoreExecutable()
      expect(result.exitCode).toBe(1)
      const { error } = JSON.parse(result.stderr)
      expect(error.code).toBe('RESTART_FAILED')
      expect(error.message).toMatch(why)
      expect(error.message).toContain('The service continues as before.')
      expect(installed.pid).toBe(before)
      // It has its socket, and it takes changes.
      const removed = await installed.space.command('delete', 'nothing')
      expect(removed.stderr).toContain("Function 'nothing' does not exist")
      // It has the lock.
      const second = await installed.space.command('serve', '--port', '0')
      expect(second.stderr).toContain('lock of the data directory')
    },
    20_000,
  )

  test('and nothing that it started goes on, which would keep the port', async () => {
    const pidFile = join(installed.space.dir, 'started.pid')
    installed.replaceExecutable(`#!/bin/sh\nsleep 1000 &\necho $! >${pidFile}\nwait\n`)
    const { stderr } = await installed.restart('--timeout', '700ms')
    installed.restoreExecutable()
    expect(stderr).toContain('not ready within 700 ms')
    const started = Number(readFileSync(pidFile, 'utf8'))
    expect(started).toBeGreaterThan(0)
    await eventually('it has ended', () => !alive(started))
  }, 20_000)

  test('because a backup runs, which a new process would not know of', async () => {
    const socket = join(installed.space.dataDir, 'functions.sock')
    const stop = new AbortController()
    const { signal } = stop
    const options = { method: 'POST', unix: socket, signal } as RequestInit
    const held = await fetch('http://functions/v1/hold', options)
    expect(held.status).toBe(200)
    // The collection of a response without a reader would close its connection.
    const reader = held.body?.getReader()
    await reader?.read()
    expect((await installed.restart()).stderr).toContain('A backup is running')
    stop.abort()
    await reader?.cancel().catch(() => {})
    await eventually('the hold has ended', async () => (await installed.restart()).exitCode === 0)
  }, 20_000)

  test('because its settings are not valid', async () => {
    const path = join(installed.space.dir, 'functions.toml')
    writeFileSync(path, '[server]\nprot = 1\n')
    const unknown = await Bun.spawn(
      [EXECUTABLE, 'restart', '--config', '/dev/null', '--data-dir', installed.space.dataDir],
      { stdio: ['ignore', 'ignore', 'pipe'], env: {} },
    )
    expect(await new Response(unknown.stderr).text()).toContain('functions.toml:2: server.prot')
    writeFileSync(path, '[server]\nhost = "0.0.0.0"\n')
    const moved = await installed.restart()
    rmSync(path)
    expect(moved.stderr).toContain('server.host was 127.0.0.1')
    documentOf(await installed.restart())
  }, 20_000)

  test('because the database is of a newer release', async () => {
    const db = openTestDatabase(join(installed.space.dataDir, 'metadata.db'))
    db.run(`INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('later', 1)`)
    const result = await installed.restart()
    db.run(`DELETE FROM __drizzle_migrations WHERE hash = 'later'`)
    db.close()
    expect(result.stderr).toContain('newer release')
    expect(await installed.ask('/functions/hello')).toBe('hello')
  }, 20_000)

  test('because the service stops meanwhile, which it then does', async () => {
    installed.replaceExecutable(successor(['prepared'], FOREVER))
    const restarts = () => installed.log.match(/"restarting"/g)?.length ?? 0
    const before = restarts()
    const restarting = installed.restart('--timeout', '30s')
    await eventually('it has begun', () => restarts() > before)
    const { failures } = await load.stop()
    expect(Object.fromEntries(failures)).toEqual({})
    const { pid } = installed
    process.kill(pid, 'SIGTERM')
    const { stderr, exitCode } = await restarting
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/the service is shutting down|closed the connection/)
    expect(stderr).not.toContain('continues as before')
    await eventually('it has stopped', () => !alive(pid))
    expect(existsSync(join(installed.space.dataDir, 'service.json'))).toBe(false)
  }, 20_000)
})

/** Another process of the same user takes the lock in between, and keeps it. */
const TAKE_LOCK = (path: string, pidFile: string) => `
import subprocess
code = "import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN EXCLUSIVE'); print('taken', flush=True); time.sleep(1000)"
thief = subprocess.Popen([sys.executable, '-c', code, ${JSON.stringify(path)}], stdout=subprocess.PIPE, start_new_session=True)
thief.stdout.readline()
open(${JSON.stringify(pidFile)}, 'w').write(str(thief.pid))
sys.exit(5)`

describe('a service that cannot take its lock back', () => {
  const installed = new Installed()
  afterAll(() => installed.remove())

  test('answers requests and refuses changes, until a restart succeeds', async () => {
    await installed.space.deploy('hello', HELLO)
    await installed.serve()
    const pidFile = join(installed.space.dir, 'thief.pid')
    const lock = join(installed.space.dataDir, 'service.lock')
    installed.replaceExecutable(successor(['prepared'], TAKE_LOCK(lock, pidFile)))
    const { stderr } = await installed.restart()
    installed.restoreExecutable()
    expect(stderr).toContain('ended with status 5')
    const thief = Number(readFileSync(pidFile, 'utf8'))
    const refused = await installed.space.command('delete', 'hello')
    expect(refused.stderr).toContain('another process took the lock of the data directory')
    expect(await installed.ask('/functions/hello')).toBe('hello')
    process.kill(thief, 'SIGKILL')
    await eventually('it has ended', () => !alive(thief))
    documentOf(await installed.restart())
    await installed.space.deploy('hello', HELLO.replace('hello', 'changed'))
    expect(await installed.ask('/functions/hello')).toBe('changed')
  }, 40_000)
})

describe('a service that is killed during a hand-over', () => {
  const installed = new Installed()
  afterAll(() => installed.remove())

  test('loses no change, and leaves at most one service', async () => {
    await installed.space.deploy('hello', HELLO)
    for (let round = 0; round < 4; round++) {
      await installed.serve()
      const old = installed.pid
      const body = `round ${round}`
      await installed.space.deploy('hello', `export default () => new Response('${body}')\n`)
      const restarting = installed.restart()
      // Before the new process is ready, at each step of it, and after.
      await Bun.sleep(round * 150)
      // It may have handed over already, and ended.
      if (alive(old)) process.kill(old, 'SIGKILL')
      await restarting
      const successors = () => processesOf(installed.executable).filter((pid) => pid !== old)
      await eventually('the new process has ended, or is the service', () => {
        const [pid] = successors()
        return pid === undefined || installed.pid === pid
      })
      expect(successors().length).toBeLessThan(2)
      if (successors().length === 0) await installed.serve()
      expect(await installed.ask('/functions/hello')).toBe(body)
      const { pid } = installed
      process.kill(pid, 'SIGTERM')
      await eventually('it has stopped', () => !alive(pid))
    }
  }, 60_000)
})

/** The services that run an executable. */
function processesOf(executable: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
        return alive(pid) && command[0] === executable && command[1] === 'serve'
      } catch {
        return false
      }
    })
}

/** An executable of the last release. Without one, its data directory is made of its tables and bundles. */
const LAST_RELEASE = process.env.FUNCTIONS_LAST_RELEASE

describe('the data directory of the last release', () => {
  const installed = new Installed()
  afterAll(() => installed.remove())

  /**
   * Takes back what this release has added, under the running service: what an upgrade then has to add. What is left
   * are the tables of the last release, which the first migration makes.
   */
  function undoAdditions(): void {
    const db = openTestDatabase(join(installed.space.dataDir, 'metadata.db'))
    const last = new Database(':memory:')
    migrate(last, 'memory', migrations().slice(0, 1))
    db.run('PRAGMA foreign_keys = OFF')
    for (const { name } of indexes(db)) db.run(`DROP INDEX ${name}`)
    const kept = tablesOf(last)
    for (const table of tablesOf(db)) {
      if (!kept.includes(table)) {
        db.run(`DROP TABLE ${table}`)
        continue
      }
      const columns = columnsOf(last, table)
      for (const column of columnsOf(db, table)) {
        if (!columns.includes(column)) db.run(`ALTER TABLE ${table} DROP COLUMN ${column}`)
      }
    }
    last.close()
    db.close()
  }

  function indexes(db: ReturnType<typeof openTestDatabase>) {
    const added = ADDED_INDEXES.map((name) => `'${name}'`).join(',')
    return db.query(`SELECT name FROM sqlite_master WHERE name IN (${added})`).all() as {
      name: string
    }[]
  }

  test('is upgraded under load, without a lost request', async () => {
    if (LAST_RELEASE === undefined) makeLastRelease(installed.space.dataDir)
    else {
      const file = installed.space.source('old.ts', `export default () => new Response('old')\n`)
      const args = ['deploy', 'old', file, '--data-dir', installed.space.dataDir]
      expect(
        await Bun.spawn([LAST_RELEASE, ...args], { stdio: ['ignore', 'ignore', 'inherit'] }).exited,
      ).toBe(0)
    }
    await installed.serve()
    expect(await installed.ask('/functions/old')).toBe('old')
    undoAdditions()
    const { port } = installed
    const load = new ConstantLoad({ port, path: '/functions/old', body: 'old', rate: 100 })
    await eventually('the load runs', () => load.answered > 20)
    documentOf(await installed.upgrade(EXECUTABLE))
    await eventually('the load goes on', () => load.answered > 200)
    const { failures } = await load.stop()
    expect(Object.fromEntries(failures)).toEqual({})
    const db = openTestDatabase(join(installed.space.dataDir, 'metadata.db'))
    expect(indexes(db).length).toBe(ADDED_INDEXES.length)
    db.close()
  }, 40_000)

  test.skipIf(LAST_RELEASE === undefined)(
    'is still one for the last release after that (FUNCTIONS_LAST_RELEASE)',
    async () => {
      await installed.space.deploy('new', HELLO)
      const { pid } = installed
      process.kill(pid)
      await eventually('the service has stopped', () => !alive(pid))
      rmSync(installed.executable)
      copyFileSync(LAST_RELEASE as string, installed.executable)
      await installed.serve()
      expect(await installed.ask('/functions/old')).toBe('old')
      expect(await installed.ask('/functions/new')).toBe('hello')
      // It cannot hand over, and the command says what to do instead.
      const { stderr } = await installed.restart()
      expect(stderr).toContain('cannot hand over')
    },
    40_000,
  )
})

test.skipIf(NO_MOUNT !== undefined)(
  'process 1 of a container refuses a restart, which would end the container',
  async () => {
    const space = new Workspace()
    const args = ['--port', '0', '--data-dir', space.dataDir]
    const container = Bun.spawn(
      ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', EXECUTABLE, 'serve', ...args],
      {
        cwd: space.dir,
        env: { PATH: process.env.PATH ?? '' },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    const { value } = await container.stdout.getReader().read()
    expect(new TextDecoder().decode(value)).toStartWith('listening on')
    const { exitCode, stderr } = await space.command('restart')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('The service is process 1 of its container')
    container.kill('SIGKILL')
    await container.exited
    space.remove()
  },
  20_000,
)

test('a process that only has the variable of a successor says so', async () => {
  const space = new Workspace()
  space.environment.FUNCTIONS_SUCCESSOR = '1'
  await expect(space.serve()).rejects.toThrow(/FUNCTIONS_SUCCESSOR is set, but no service started/)
  space.remove()
})
