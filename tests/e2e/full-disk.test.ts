/** Full disks, folders that cannot be used, and commands that are interrupted: nothing breaks, nothing stays. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { alive, descendants, EXECUTABLE, run, Workspace } from './harness.ts'
import { NO_MOUNT, SmallDisk } from './small-disk.ts'

const HELLO = 'export default () => new Response("hello")'

describe.skipIf(NO_MOUNT !== undefined)('a full disk', () => {
  const workspace = new Workspace()
  let disk: SmallDisk

  beforeAll(async () => {
    disk = new SmallDisk(workspace.dataDir, '24m')
    await workspace.deploy('hello', HELLO)
  })
  afterAll(() => {
    disk.unmount()
    workspace.remove()
  })

  test('a service starts and serves on it, refuses a deploy, and deploys when there is space', async () => {
    disk.fill()
    const service = await workspace.serve()
    expect(await (await service.fetch('/functions/hello')).text()).toBe('hello')
    expect((await workspace.command('list')).stdout).toContain('hello')
    const file = workspace.source('second.ts', HELLO)
    const refused = await workspace.command('deploy', 'second', file)
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toMatch(
      /no space is left in \S+ \(0 KB are free\), and up to \d+ KB are needed\. Free space there\./,
    )
    expect(refused.stderr).toContain(workspace.dataDir)
    expect((await workspace.command('list')).stdout).not.toContain('second')
    disk.free()
    expect((await workspace.command('deploy', 'second', file)).exitCode).toBe(0)
    expect(await (await service.fetch('/functions/second')).text()).toBe('hello')
    expect(await service.stop()).toBe(0)
  })

  test('a service that was killed starts on it again', async () => {
    const first = await workspace.serve()
    await first.stop('SIGKILL')
    disk.fill()
    const second = await workspace.serve()
    expect(await (await second.fetch('/functions/hello')).text()).toBe('hello')
    expect(await second.stop()).toBe(0)
    disk.free()
  })

  test('a rollback that the database has no space for says so, and changes nothing', async () => {
    await workspace.deploy('hello', 'export default () => new Response("two")')
    disk.fill()
    // Each page of the log that SQLite already has is used first.
    let result = await workspace.command('rollback', 'hello', 'v1')
    for (let i = 0; i < 5 && result.exitCode === 0; i++) {
      result = await workspace.command('rollback', 'hello', i % 2 === 0 ? 'v2' : 'v1')
    }
    expect(result.stderr).not.toContain('Internal error')
    if (result.exitCode !== 0) expect(result.stderr).toContain('no space is left in')
    disk.free()
  })
})

function isBundler(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('functions-bundle-')
  } catch {
    return false
  }
}

describe('the temporary folder', () => {
  const workspace = new Workspace()
  const file = workspace.source('hello.ts', HELLO)
  afterAll(() => workspace.remove())
  let temporary: string
  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'functions-test-'))
  })
  afterEach(() => rmSync(temporary, { recursive: true, force: true }))

  const deploy = (folder: string, ...flags: string[]) =>
    run(['deploy', 'hello', file, '--data-dir', workspace.dataDir, ...flags], {
      cwd: workspace.dir,
      env: { TMPDIR: folder },
    })
  const made = () => readdirSync(temporary).filter((name) => name.startsWith('functions-'))

  test.each([
    ['is missing', () => join(workspace.dir, 'none'), 'does not exist'],
    ['is a file', () => workspace.source('file', ''), 'a part of its path is not a directory'],
    ['is below a file', () => join(file, 'x'), 'a part of its path is not a directory'],
  ])('that %s is an error that names it', async (_, make, why) => {
    const folder = make()
    const env = { TMPDIR: folder }
    for (const result of [await deploy(folder), await run(['doctor'], { env })]) {
      expect(result.exitCode).toBe(1)
      const message = `${folder} cannot be used (${why}): set TMPDIR to a folder that can be written.`
      expect(result.stderr.replace('it does', 'does')).toContain(message)
    }
    expect((await run(['version'], { env, cwd: workspace.dir })).exitCode).toBe(0)
  })

  test.skipIf(NO_MOUNT !== undefined)('that is full is an error that names it', async () => {
    const disk = new SmallDisk(temporary, '256k')
    try {
      disk.fill()
      const { exitCode, stderr } = await deploy(temporary)
      expect(exitCode).toBe(1)
      expect(stderr).toContain(`no space is left in ${temporary}`)
      expect(stderr).toContain('or set TMPDIR to a folder that can be written')
      expect(made()).toEqual([])
    } finally {
      disk.unmount()
    }
  })

  test('is empty after a deploy, and after one that fails', async () => {
    expect((await deploy(temporary)).exitCode).toBe(0)
    expect(made()).toEqual([])
    const bad = workspace.source('bad.ts', 'import "./missing.ts"')
    const failed = await run(['deploy', 'x', bad, '--data-dir', workspace.dataDir], {
      env: { TMPDIR: temporary },
    })
    expect(failed.exitCode).toBe(1)
    expect(made()).toEqual([])
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'is empty after a deploy that %s ends',
    async (signal) => {
      const child = Bun.spawn([EXECUTABLE, 'deploy', 'x', file, '--data-dir', workspace.dataDir], {
        cwd: workspace.dir,
        env: { ...process.env, TMPDIR: temporary },
        stdio: ['ignore', 'ignore', 'ignore'],
      })
      // Not before it executes its program: until then its parent waits for it.
      const bundlers = () => descendants(child.pid).filter(isBundler)
      await eventually('the bundler runs', () => bundlers().length > 0)
      const [bundler = 0] = bundlers()
      process.kill(bundler, 'SIGSTOP')
      expect(made()).toHaveLength(1)
      child.kill(signal)
      await child.exited
      expect(child.signalCode).toBe(signal)
      process.kill(bundler, 'SIGCONT')
      await eventually('the bundler ends', () => !alive(bundler))
      expect(made()).toEqual([])
    },
  )

  test('loses what a killed command left, and nothing else', async () => {
    const left = join(temporary, 'functions-bundle-left')
    mkdirSync(join(left, 'work'), { recursive: true })
    writeFileSync(join(left, 'lock'), '')
    writeFileSync(join(left, 'work/bundle.js'), 'x')
    // Another command is just making this one.
    const fresh = join(temporary, 'functions-bundle-fresh')
    mkdirSync(fresh)
    // An attacker's: the name of a folder, but a link to one.
    const precious = join(temporary, 'precious')
    mkdirSync(precious)
    writeFileSync(join(precious, 'lock'), '')
    symlinkSync(precious, join(temporary, 'functions-bundle-link'))
    expect((await deploy(temporary)).exitCode).toBe(0)
    expect(existsSync(left)).toBe(false)
    expect(existsSync(fresh)).toBe(true)
    expect(existsSync(join(precious, 'lock'))).toBe(true)
  })
})
