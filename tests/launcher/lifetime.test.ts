import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { launch, runs, starters, until, userNamespaces } from './harness.ts'

const SLEEPER = ['/bin/sh', '-c', '/bin/sleep 300 & /bin/sleep 301 & wait']

/** The pids of a process and of all its descendants. */
function tree(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It has ended since the directory was read.
    }
  }
  const found = [pid]
  for (const member of found) {
    found.push(...[...parents].filter(([, parent]) => parent === member).map(([child]) => child))
  }
  return found
}

for (const starter of starters) {
  describe(`the end of a program (${starter})`, () => {
    for (const status of [0, 1, 7, 71, 255]) {
      test(`exit status ${status} is passed on`, async () => {
        const launched = launch(['/bin/sh', '-c', `exit ${status}`], { starter })
        expect((await launched.end()).status).toBe(status)
        expect(launched.lines.map((line) => line.type)).toEqual(['launched'])
      })
    }

    // From outside, because the init of a pid namespace ignores signals that it sends to itself.
    for (const name of ['SIGKILL', 'SIGSEGV'] as const) {
      test(`death by ${name} is passed on`, async () => {
        const flags = ['--pid-namespace', name === 'SIGKILL' ? 'preferred' : 'off']
        const launched = launch(['/bin/sleep', '300'], { starter, flags })
        const { pid } = await launched.line('launched')
        process.kill(pid as number, name)
        expect((await launched.end()).signal).toBe(name)
      })
    }

    test('SIGTERM goes on to the program', async () => {
      const ready = `echo '{"type":"ready"}' >&3`
      const script = `trap "echo told; exit 9" TERM; ${ready}; while :; do /bin/sleep 0.05; done`
      const launched = launch(['/bin/sh', '-c', script], { starter })
      await launched.line('ready')
      launched.process.kill('SIGTERM')
      expect(await launched.end()).toMatchObject({ status: 9, stdout: 'told\n' })
    })

    test('SIGINT does not: it is the host’s to decide', async () => {
      const launched = launch(['/bin/sh', '-c', 'read -r line <&3; exit 5'], { starter })
      await launched.line('launched')
      launched.process.kill('SIGINT')
      launched.process.kill('SIGHUP')
      await Bun.sleep(50)
      await launched.say('\n')
      expect((await launched.end()).status).toBe(5)
    })

    test('the channel closes with the program', async () => {
      const launched = launch(['/bin/sh', '-c', 'exec /bin/sleep 300 3>&-'], { starter })
      await launched.channelClosed
      expect(runs(launched.process.pid)).toBe(true)
      launched.process.kill('SIGKILL')
      await launched.process.exited
    })
  })

  const possible = starter === 'root' || userNamespaces
  describe.if(possible)(`the end of the host (${starter})`, () => {
    const flags = ['--pid-namespace', 'required']

    test('kill -9 of the launcher takes the program and all its children', async () => {
      const launched = launch(SLEEPER, { starter, flags })
      await launched.line('launched')
      await until('the children', () => tree(launched.process.pid).length === 4)
      const members = tree(launched.process.pid)
      launched.process.kill('SIGKILL')
      await until('the end of all', () => !members.some(runs))
    })

    test('kill -9 of the launcher’s parent takes the whole tree, though the channel stays open', async () => {
      // The shell is the parent here; this test holds the channel.
      const through = ['/bin/sh', '-c', '"$@"; exit 0', 'sh']
      const launched = launch(SLEEPER, { starter, flags, through })
      await launched.line('launched')
      await until('the children', () => tree(launched.process.pid).length === 5)
      const members = tree(launched.process.pid)
      launched.process.kill('SIGKILL')
      await until('the end of all', () => !members.some(runs))
    })
  })

  test(`without a pid namespace the program itself still dies with the launcher (${starter})`, async () => {
    const launched = launch(['/bin/sleep', '300'], { starter, flags: ['--pid-namespace', 'off'] })
    const { pid } = await launched.line('launched')
    launched.process.kill('SIGKILL')
    await until('the end of the program', () => !runs(pid as number))
  })
}
