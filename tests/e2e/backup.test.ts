/** Backup and restore with the real executable: beside a busy service, killed, on a full disk. */
import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { addFunctions } from '../../src/testing/data-dir-fixture.ts'
import { type CommandResult, EXECUTABLE, run, Workspace } from './harness.ts'
import { NO_MOUNT, SmallDisk } from './small-disk.ts'

const space = new Workspace()
afterAll(() => space.remove(), 30_000)

const names = Array.from({ length: 20 }, (_, i) => `app-${i}`)
addFunctions(space.dataDir, names, 8)
const at = (name: string) => join(space.dir, name)
const json = ({ stdout }: CommandResult) => JSON.parse(stdout)
const restoreTo = (file: string, dir: string) => run(['restore', file, '--data-dir', dir, '--json'])

/** Starts a command and kills it after a time. */
async function killed(delayMs: number, ...args: string[]): Promise<void> {
  const child = Bun.spawn([EXECUTABLE, ...args], {
    cwd: space.dir,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  })
  await Bun.sleep(delayMs)
  child.kill('SIGKILL')
  await child.exited
}

const DELAYS = [80, 120, 160, 200, 260]

describe('backups beside a service that deploys, deletes and collects', () => {
  test('are whole: each restores to a directory whose bundles all load', async () => {
    const service = await space.serve('--versions-keep', '3')
    let busy = true
    const operator = async (first: number) => {
      for (let n = first; busy; n += 2) {
        const name = names[n % names.length] as string
        await space.deploy(name, `export default () => new Response('${n}')\n`)
        if (n % 5 === 0) await space.command('delete', name)
        if (n % 7 === 0) await space.command('gc')
      }
    }
    const operators = [operator(0), operator(1)]
    const files = ['one.tar', 'two.tar', 'three.tar']
    for (const file of files) {
      const report = json(await space.command('backup', at(file), '--json'))
      expect(report).toMatchObject({ missing: [], warnings: [] })
    }
    busy = false
    await Promise.all(operators)
    await service.stop()
    for (const file of files) {
      const dir = at(`${file}.restored`)
      const result = await restoreTo(at(file), dir)
      expect(result.stderr).toBe('')
      expect(json(result).missing).toEqual([])
    }
    const last = at(`${files.at(-1)}.restored`)
    const restored = await run(['list', '--data-dir', last, '--json'])
    const list = json(restored) as { name: string }[]
    expect(list.length).toBeGreaterThan(10)
    // The restored directory is a directory like any other.
    const file = space.source('next.ts', `export default () => new Response('next')\n`)
    expect((await run(['deploy', 'next', file, '--data-dir', last])).exitCode).toBe(0)
  }, 60_000)

  test('are refused by nobody when the service stops meanwhile', async () => {
    const service = await space.serve()
    const backup = space.command('backup', at('stopped.tar'), '--json')
    await Bun.sleep(50)
    await service.stop()
    expect(json(await backup).missing).toEqual([])
  }, 30_000)
})

describe('kill -9', () => {
  test('of a backup leaves the earlier file; what else it left goes with the next', async () => {
    const folder = at('killed')
    mkdirSync(folder)
    const file = join(folder, 'b.tar')
    await Promise.all(
      DELAYS.map(async (delay) => {
        await killed(delay, 'backup', file, '--data-dir', space.dataDir)
      }),
    )
    if (existsSync(file)) expect((await run(['restore', file, '--verify'])).exitCode).toBe(0)
    const old = new Date(Date.now() - 3_600_000)
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), old, old)
    expect((await space.command('backup', file)).stderr).toBe('')
    expect(readdirSync(folder)).toEqual(['b.tar'])
  }, 60_000)

  test('of a restore leaves nothing that can be served, and the next restore succeeds', async () => {
    const file = at('whole.tar')
    expect((await space.command('backup', file)).exitCode).toBe(0)
    const dir = at('cut-off')
    for (const delay of DELAYS) {
      await killed(delay, 'restore', file, '--data-dir', dir)
      const whole = existsSync(join(dir, 'metadata.db'))
      const list = await run(['list', '--data-dir', dir, '--json'])
      // Without its database, the directory is refused, unless nothing is there yet.
      const functions = list.exitCode === 0 ? json(list) : []
      expect(list.exitCode === 0 || (!whole && list.stderr !== '')).toBe(true)
      expect(functions.length).toBe(whole ? json(await space.command('list', '--json')).length : 0)
      if (existsSync(join(dir, '.restore')) && !whole) {
        const deploy = space.source('x.ts', `export default () => new Response('x')\n`)
        const refused = await run(['deploy', 'x', deploy, '--data-dir', dir])
        expect(refused.stderr).toContain("run 'functions restore' again")
      }
      if (whole) rmSync(dir, { recursive: true })
    }
    const report = json(await restoreTo(file, dir))
    expect(report.versions).toBe(json(await space.command('backup', file, '--json')).versions)
    expect(existsSync(join(dir, '.restore'))).toBe(false)
  }, 60_000)
})

describe('a place for a backup', () => {
  test('standard output is written in one pass and can be verified', async () => {
    const pipe = `'${EXECUTABLE}' backup - --data-dir '${space.dataDir}' | '${EXECUTABLE}' restore - --data-dir '${at('piped')}' --json`
    const child = Bun.spawnSync(['bash', '-o', 'pipefail', '-c', pipe])
    expect(child.exitCode).toBe(0)
    expect(JSON.parse(child.stdout.toString()).functions).toBeGreaterThan(10)
    expect(child.stderr.toString()).toContain('not checked')
  }, 20_000)

  test.skipIf(NO_MOUNT !== undefined)(
    'without space names the folder and what is needed, and keeps the earlier backup',
    async () => {
      const disk = new SmallDisk(at('disk'), '2m')
      try {
        const file = join(disk.path, 'b.tar')
        const data = at('many')
        addFunctions(data, ['app'], 150)
        const backUp = () => run(['backup', file, '--data-dir', data])
        expect((await backUp()).stderr).toBe('')
        const before = statSync(file).size
        const message =
          /^No space for the (backup|restored data) in \S*disk\S*: it needs about [\d.]+ MB, and [\d.]+ MB are free/
        // There is space for a part of it only.
        const restored = await restoreTo(file, join(disk.path, 'restored'))
        expect(JSON.parse(restored.stderr).error.message).toMatch(message)
        expect(readdirSync(join(disk.path, 'restored'))).toEqual(['service.lock'])
        disk.fill()
        const backup = await backUp()
        expect(backup.exitCode).toBe(1)
        expect(backup.stderr).toMatch(message)
        expect(statSync(file).size).toBe(before)
        expect(readdirSync(disk.path).filter((name) => name.startsWith('.'))).toEqual([])
      } finally {
        disk.unmount()
      }
    },
    30_000,
  )

  test.skipIf(process.getuid?.() !== 0)(
    'a user without rights to the data directory gets nothing of it',
    async () => {
      const target = '/tmp/functions-nobody.tar'
      const child = Bun.spawnSync([EXECUTABLE, 'backup', target, '--data-dir', space.dataDir], {
        uid: 65_534,
        gid: 65_534,
        cwd: '/',
      })
      expect(child.exitCode).toBe(1)
      expect(child.stderr.toString()).toMatch(/cannot be used|has no metadata\.db/)
      expect(existsSync(target)).toBe(false)
    },
  )
})
