import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRoot, launch, ORDINARY_ID, starters } from './harness.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'functions-run-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function ownedBy(starter: string, dir: string): void {
  chmodSync(dir, 0o700)
  if (isRoot && starter === 'user') {
    chownSync(dir, ORDINARY_ID, ORDINARY_ID)
  }
}

/** Connects by a relative name, because the path may be longer than a socket address allows. */
async function connects(dir: string, name: string): Promise<boolean> {
  const before = process.cwd()
  process.chdir(dir)
  try {
    return await new Promise<boolean>((done) => {
      const socket = connect(name)
      socket.once('connect', () => {
        socket.destroy()
        done(true)
      })
      socket.once('error', () => done(false))
    })
  } finally {
    process.chdir(before)
  }
}

const WAIT = ['/bin/sh', '-c', '/bin/readlink /proc/self/fd/4; read -r line <&3']

for (const starter of starters) {
  describe(`the listening socket (${starter})`, () => {
    const flags = (dir: string, name = 'template.sock') => [
      '--listen-dir',
      dir,
      '--listen-name',
      name,
    ]

    test('is the program’s descriptor 4, takes connections, and is the owner’s alone', async () => {
      ownedBy(starter, folder)
      const launched = launch(WAIT, { starter, flags: flags(folder) })
      await launched.line('launched')
      expect(statSync(join(folder, 'template.sock')).mode & 0o777).toBe(0o600)
      expect(await connects(folder, 'template.sock')).toBe(true)
      await launched.say('\n')
      const { stdout, status } = await launched.end()
      expect(stdout).toStartWith('socket:')
      expect(status).toBe(0)
      expect(await connects(folder, 'template.sock')).toBe(false)
    })

    test('a path longer than an address is no obstacle', async () => {
      const deep = join(folder, 'd'.repeat(120))
      ownedBy(starter, folder)
      mkdirSync(deep)
      ownedBy(starter, deep)
      const launched = launch(WAIT, { starter, flags: flags(deep) })
      await launched.line('launched')
      expect(await connects(deep, 'template.sock')).toBe(true)
      await launched.say('\n')
      expect((await launched.end()).status).toBe(0)
    })

    test('a socket left behind by an earlier launch is replaced', async () => {
      ownedBy(starter, folder)
      for (let round = 0; round < 2; round++) {
        const launched = launch(WAIT, { starter, flags: flags(folder) })
        await launched.line('launched')
        await launched.say('\n')
        expect((await launched.end()).status).toBe(0)
        expect(existsSync(join(folder, 'template.sock'))).toBe(true)
      }
    })

    test('a file that is no socket is left alone, and the launch fails', async () => {
      writeFileSync(join(folder, 'template.sock'), 'precious')
      ownedBy(starter, folder)
      const launched = launch(WAIT, { starter, flags: flags(folder) })
      expect((await launched.end()).status).toBe(71)
      expect(launched.lines).toEqual([
        { type: 'launch-failed', what: 'listening socket', errno: 'EEXIST' },
      ])
      expect(await Bun.file(join(folder, 'template.sock')).text()).toBe('precious')
    })

    for (const name of ['', '.', '..', '../up.sock', 'a/b', 'n'.repeat(108)]) {
      test(`the name ${JSON.stringify(name.slice(0, 12))} is refused`, async () => {
        ownedBy(starter, folder)
        const launched = launch(WAIT, { starter, flags: flags(folder, name) })
        expect((await launched.end()).status).toBe(71)
        expect(launched.lines.map((line) => line.type)).toEqual(['launch-failed'])
      })
    }

    test('a folder that is not there fails the launch', async () => {
      const launched = launch(WAIT, { starter, flags: flags(join(folder, 'nowhere')) })
      expect((await launched.end()).status).toBe(71)
      expect(launched.lines[0]?.errno).toMatch(/^E(NOENT|ACCES)$/)
    })
  })
}
