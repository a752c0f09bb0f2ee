/** Upgrades of a running service: an executable is replaced as a whole, or nothing is changed. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { alive, EXECUTABLE, Workspace } from './harness.ts'
import { documentOf, HELLO, Installed } from './installed.ts'
import { NO_MOUNT, SmallDisk } from './small-disk.ts'

describe('an upgrade', () => {
  let installed: Installed
  beforeAll(async () => {
    installed = await Installed.serving()
  }, 30_000)
  afterAll(() => installed.remove())

  test('puts the new executable in the place of the old one, which is kept', async () => {
    const before = statSync(installed.executable).ino
    const document = documentOf(await installed.upgrade(EXECUTABLE))
    const previous = `${installed.executable}.previous`
    expect(document).toMatchObject({ executable: installed.executable, previous })
    expect(statSync(previous).ino).toBe(before)
    expect(statSync(installed.executable).ino).not.toBe(before)
    expect(existsSync(`${installed.executable}.new`)).toBe(false)
    // The process knows its file by the new name: Bun workers are started from it.
    await installed.space.deploy('bun', HELLO, '--runtime', 'bun', '--profile', 'permissive')
    expect(await installed.ask('/functions/bun')).toBe('hello')
    documentOf(await installed.restart())
    expect(await installed.ask('/functions/bun')).toBe('hello')
  }, 40_000)

  test('refuses what is not an executable of functions that can take over', async () => {
    const { pid } = installed
    const inode = statSync(installed.executable).ino
    const old = join(installed.space.dir, 'old')
    writeFileSync(old, `#!/bin/sh\necho '{"version":"0.2.0","engines":[],"libraries":{}}'\n`)
    const text = join(installed.space.dir, 'text')
    writeFileSync(text, 'nothing to execute')
    const foreign = join(installed.space.dir, 'foreign')
    const bytes = Buffer.from(readFileSync('/bin/true'))
    // The machine of an ELF file: IBM S/390.
    bytes.writeUInt16LE(22, 18)
    writeFileSync(foreign, bytes)
    const cases: [string, RegExp][] = [
      ['/bin/true', /not an executable of functions/],
      [old, /release 0\.2\.0 hands over in another way/],
      [text, /cannot be executed on this machine/],
      [foreign, /cannot be executed on this machine/],
      [join(installed.space.dir, 'nothing'), /is not a file/],
      [installed.space.dir, /is not a file/],
    ]
    for (const [file, why] of cases) {
      const { exitCode, stderr } = await installed.upgrade(file)
      expect(exitCode).not.toBe(0)
      expect(stderr).toMatch(why)
    }
    expect(installed.pid).toBe(pid)
    expect(statSync(installed.executable).ino).toBe(inode)
    expect(existsSync(`${installed.executable}.new`)).toBe(false)
  }, 30_000)

  test.skipIf(NO_MOUNT !== undefined)(
    'is refused before it begins where the file cannot be replaced',
    async () => {
      const { pid } = installed
      const small = new SmallDisk(installed.bin, '1m')
      try {
        const { stderr } = await installed.upgrade(EXECUTABLE)
        expect(stderr).toMatch(/cannot be replaced \(ENOSPC\): nothing was changed/)
        expect(existsSync(`${installed.executable}.new`)).toBe(false)
      } finally {
        small.unmount()
      }
      expect(installed.pid).toBe(pid)
      // A file that is mounted by itself cannot be renamed.
      Bun.spawnSync(['mount', '--bind', installed.executable, installed.executable])
      try {
        const { stderr } = await installed.upgrade(EXECUTABLE)
        expect(stderr).toMatch(/cannot be replaced .*: nothing was changed/)
      } finally {
        Bun.spawnSync(['umount', installed.executable])
      }
      expect(installed.pid).toBe(pid)
      documentOf(await installed.restart())
    },
    30_000,
  )

  /** The service runs the installed executable; the one before is kept; nothing else is left. */
  function expectInstalled(before: number): void {
    const { executable, pid } = installed
    const { ino } = statSync(executable)
    expect(ino).not.toBe(before)
    expect(statSync(`${executable}.previous`).ino).toBe(before)
    expect(statSync(`/proc/${pid}/exe`).ino).toBe(ino)
    expect(readdirSync(installed.bin).sort()).toEqual(['functions', 'functions.previous'])
  }

  const inodeOf = () => statSync(installed.executable).ino

  test('of two at once one is refused, and the files are those of the other', async () => {
    const before = inodeOf()
    const results = await Promise.all([
      installed.upgrade(EXECUTABLE),
      installed.upgrade(EXECUTABLE),
    ])
    const refused = results.filter(({ exitCode }) => exitCode !== 0)
    expect(refused.length).toBe(1)
    expect(refused[0]?.stderr).toContain('Another command is upgrading')
    expectInstalled(before)
  }, 30_000)

  test('is refused where a directory has the name of the kept executable', async () => {
    const { pid } = installed
    const before = inodeOf()
    const previous = `${installed.executable}.previous`
    rmSync(previous, { recursive: true, force: true })
    mkdirSync(join(previous, 'x'), { recursive: true })
    const { stderr, exitCode } = await installed.upgrade(EXECUTABLE)
    rmSync(previous, { recursive: true })
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/functions\.previous is a directory\): nothing was changed/)
    expect(installed.pid).toBe(pid)
    expect(inodeOf()).toBe(before)
    expect(readdirSync(installed.bin)).toEqual(['functions'])
  }, 30_000)

  /** Starts an upgrade and sends the command a signal as soon as `when` is true. */
  async function interrupted(file: string, signal: NodeJS.Signals, when: () => boolean) {
    const { dataDir } = installed.space
    const child = Bun.spawn([EXECUTABLE, 'upgrade', file, '--data-dir', dataDir], {
      cwd: installed.space.dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    await eventually('it has begun', when)
    child.kill(signal)
    const stderr = await new Response(child.stderr).text()
    return { stderr, exitCode: await child.exited, signal: child.signalCode }
  }

  /** True from the next hand-over on. */
  function handOverBegins(): () => boolean {
    const count = () => installed.log.match(/"restarting"/g)?.length ?? 0
    const before = count()
    return () => count() > before
  }

  test('is completed when a signal comes during the hand-over', async () => {
    const before = inodeOf()
    const { exitCode, stderr } = await interrupted(EXECUTABLE, 'SIGINT', handOverBegins())
    expect(stderr).toBe('The upgrade has begun: it is completed first.\n')
    expect(exitCode).toBe(0)
    expectInstalled(before)
  }, 30_000)

  test('whose command was killed is completed by the next command', async () => {
    const before = inodeOf()
    const { pid } = installed
    await interrupted(EXECUTABLE, 'SIGKILL', handOverBegins())
    await eventually('the new process is the service', () => installed.pid !== pid)
    expect(inodeOf()).toBe(before)
    const next = statSync(`${installed.executable}.new`).ino
    const { stderr, exitCode } = await installed.restart()
    expect(stderr).toContain('the last upgrade was cut off and is completed now')
    expect(exitCode).toBe(0)
    expect(inodeOf()).toBe(next)
    expectInstalled(before)
  }, 30_000)

  /** A program that starts another one, whose process id it writes down, and waits for it. */
  function hangs(): { file: string; child: () => number } {
    const file = join(installed.space.dir, 'hangs')
    const pidFile = `${file}.pid`
    rmSync(pidFile, { force: true })
    writeFileSync(file, `#!/bin/sh\nsleep 1000 &\necho $! >${pidFile}\nwait\n`)
    return {
      file,
      child: () => (existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0),
    }
  }

  test('that is interrupted before the hand-over leaves nothing', async () => {
    const { pid } = installed
    const files = readdirSync(installed.bin)
    const { file, child } = hangs()
    const during = await interrupted(file, 'SIGTERM', () => child() > 0)
    expect(during.signal).toBe('SIGTERM')
    await eventually('what it started has ended', () => !alive(child()))
    expect(readdirSync(installed.bin)).toEqual(files)
    // While the file is copied.
    const next = `${installed.executable}.new`
    const copying = await interrupted(EXECUTABLE, 'SIGINT', () => existsSync(next))
    expect(copying.signal).toBe('SIGINT')
    expect(readdirSync(installed.bin)).toEqual(files)
    expect(installed.pid).toBe(pid)
  }, 30_000)

  test('does not wait for a program that never says its version', async () => {
    const { file, child } = hangs()
    const { stderr } = await installed.upgrade(file, '--timeout', '700ms')
    expect(stderr).toContain('is not an executable of functions')
    await eventually('what it started has ended', () => !alive(child()))
    const endless = join(installed.space.dir, 'endless')
    writeFileSync(endless, '#!/bin/sh\nexec cat /dev/zero\n')
    expect((await installed.upgrade(endless)).stderr).toContain('is not an executable of functions')
  }, 20_000)
})

describe('the executable of an upgrade that was killed early', () => {
  let installed: Installed
  let next: string
  beforeAll(async () => {
    installed = new Installed()
    next = `${installed.executable}.new`
    copyFileSync(EXECUTABLE, next)
    writeFileSync(`${installed.executable}.lock`, '')
    await installed.serve()
  }, 30_000)
  afterAll(() => installed.remove())

  test('is named when the service starts, with what to do', () => {
    const line = installed.log.split('\n').find((text) => text.includes('an upgrade was cut off'))
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      level: 'warn',
      file: next,
      remedy: `run 'functions upgrade ${next}' to complete the upgrade, or delete the file`,
    })
  })

  test('is replaced by the next upgrade, which says so', async () => {
    // An inode's number may be used again; the time of the file that was cut off is an old one.
    const old = new Date('2026-01-01T00:00:00Z')
    utimesSync(next, old, old)
    const { stderr, exitCode } = await installed.upgrade(EXECUTABLE)
    expect(stderr).toBe(`note: ${next} is of an upgrade that was cut off, and is replaced.\n`)
    expect(exitCode).toBe(0)
    expect(statSync(installed.executable).mtimeMs).toBeGreaterThan(old.getTime())
    // The process that took over has the executable of the upgrade under its own name by now.
    expect(installed.log.match(/an upgrade was cut off/g)).toHaveLength(1)
    expect(readdirSync(installed.bin).sort()).toEqual(['functions', 'functions.previous'])
  }, 30_000)

  test('can be named itself, and stays where it is refused', async () => {
    writeFileSync(next, '#!/bin/sh\nexit 1\n')
    const refused = await installed.upgrade(next)
    expect(refused.stderr).toContain('is not an executable of functions')
    expect(readFileSync(next, 'utf8')).toStartWith('#!/bin/sh')
    rmSync(next)
    copyFileSync(EXECUTABLE, next)
    const { ino } = statSync(next)
    documentOf(await installed.upgrade(next))
    expect(statSync(installed.executable).ino).toBe(ino)
    expect(readdirSync(installed.bin).sort()).toEqual(['functions', 'functions.previous'])
  }, 30_000)
})

test('a user who may not use the socket is told so', async () => {
  const space = new Workspace()
  const folder = join(space.dir, 'private')
  mkdirSync(folder)
  writeFileSync(join(folder, 'functions.sock'), '')
  // Root without this capability is a user like others.
  const root = process.getuid?.() === 0
  const prefix = root ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : []
  if (root) chownSync(folder, 65534, 65534)
  chmodSync(folder, root ? 0o700 : 0)
  const socket = join(folder, 'functions.sock')
  const child = Bun.spawn([...prefix, EXECUTABLE, 'restart', '--socket', socket], {
    cwd: space.dir,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const stderr = await new Response(child.stderr).text()
  chmodSync(folder, 0o700)
  space.remove()
  expect(stderr).toContain(`This user may not use the socket ${socket} (permission denied)`)
})
