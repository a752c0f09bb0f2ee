/** The CPU priority of a program, and how many processes it may have. */
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { getPriority } from 'node:os'
import { output, starters, userNamespaces } from './harness.ts'

const ownCount = test.if(userNamespaces)
const grouped = test.if(existsSync('/proc/self/autogroup'))

describe.each(starters)('started by %s', (starter) => {
  test('it runs behind its starter', async () => {
    expect(await output('cut -d" " -f19 /proc/self/stat', { starter })).toBe('5\n')
  })

  test('what is nicer already stays so', async () => {
    const through = ['nice', '-n', String(12 - getPriority())]
    expect(await output('cut -d" " -f19 /proc/self/stat', { starter, through })).toBe('12\n')
  })

  grouped('so does its session, where the kernel groups by session', async () => {
    const line = await output('cat /proc/self/autogroup', { starter })
    // The kernel allows it to an ordinary user ten times a second.
    expect(line).toMatch(starter === 'root' ? /nice 10$/m : /nice (10|0)$/m)
  })

  ownCount('its processes are counted apart from others of its user', async () => {
    const all = 'for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait; echo done'
    const script = `sh -c '${all}' 2>/dev/null || echo refused`
    expect(await output(script, { starter, flags: ['--processes', '6'] })).toBe('refused\n')
    expect(await output(script, { starter, flags: ['--processes', '12'] })).toBe('done\n')
  })

  ownCount('a lower limit of its starter stays, and is no failure', async () => {
    const through = ['prlimit', '--nproc=40:40', '--']
    const flags = ['--processes', '64']
    const limits = await output('cat /proc/self/limits', { starter, through, flags })
    expect(limits).toMatch(/^Max processes +40 +40 /m)
  })

  ownCount('in its namespace it has no capability', async () => {
    const flags = ['--processes', '12']
    const caps = await output('grep -E "^Cap(Prm|Eff|Inh|Amb)" /proc/self/status', {
      starter,
      flags,
    })
    expect(caps.match(/0{16}$/gm)).toHaveLength(4)
  })
})
