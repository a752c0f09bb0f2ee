import { describe, expect, test } from 'bun:test'
import { launch, starters } from './harness.ts'

for (const starter of starters) {
  describe(`a launch that fails (${starter})`, () => {
    const programs: [string, string, string, string][] = [
      ['a missing program', '/nonexistent/program', 'program', 'ENOENT'],
      ['a folder', '/usr', 'program', 'EACCES'],
      ['a file that is not executable', '/etc/passwd', 'exec', 'EACCES'],
    ]
    for (const [title, path, what, errno] of programs) {
      test(`${title} is reported, with status 71`, async () => {
        const launched = launch([path], { starter })
        expect((await launched.end()).status).toBe(71)
        expect(launched.lines.at(-1)).toEqual({ type: 'launch-failed', what, errno })
      })
    }

    const wrong: [string, string[]][] = [
      ['an unknown flag', ['--frobnicate', '1']],
      ['a number with a letter', ['--nofile', '10x']],
      ['a negative number', ['--cpu', '-1']],
      ['an empty number', ['--as', '']],
      ['a number over 64 bits', ['--as', '18446744073709551617']],
      ['a variable without a name', ['--env', '=x']],
      ['a variable without a value', ['--env', 'X']],
      ['an unknown mode', ['--pid-namespace', 'maybe']],
      ['a socket name without a folder', ['--listen-name', 'a']],
      ['a flag without its value', ['--nofile']],
    ]
    for (const [title, flags] of wrong) {
      test(`${title} is refused`, async () => {
        const launched = launch(['/bin/true'], { starter, flags })
        expect((await launched.end()).status).toBe(71)
        expect(launched.lines.map((line) => [line.type, line.errno])).toEqual([
          ['launch-failed', 'EINVAL'],
        ])
      })
    }

    test('no program at all is refused', async () => {
      const launched = launch([], { starter })
      expect((await launched.end()).status).toBe(71)
      expect(launched.lines[0]?.what).toBe('no program is given after --')
    })
  })
}
