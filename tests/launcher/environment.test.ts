import { describe, expect, test } from 'bun:test'
import { launch, output, starters, statusField } from './harness.ts'

// Commands are named by their full path: the program starts without PATH.
for (const starter of starters) {
  describe(`what the program is given (${starter})`, () => {
    test('its environment is what --env says, and nothing else', async () => {
      const none = await launch(['/usr/bin/env'], { starter }).end()
      expect(none).toMatchObject({ status: 0, stdout: '' })
      const flags = ['--env', 'A=1', '--env', 'B=x=y z']
      const two = await launch(['/usr/bin/env'], { starter, flags }).end()
      expect(two.stdout).toBe('A=1\nB=x=y z\n')
    })

    test('it starts in / with umask 077', async () => {
      expect(await output('pwd; umask', { starter })).toBe('/\n0077\n')
    })

    test('it leads its own session', async () => {
      // Inside a pid namespace its pid and session are both 1.
      const flags = ['--pid-namespace', 'off']
      const stat = await output('read -r line </proc/$$/stat; echo "$line"', { starter, flags })
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      expect(fields[3]).toBe(stat.split(' ')[0] as string)
    })

    test('it has the three standard descriptors and the channel, however many the host had', async () => {
      const script = 'exec /bin/ls -l /proc/self/fd'
      const listed = (await output(script, { starter, leaked: 5 })).split('\n')
      const links = listed.filter((row) => row.includes(' -> ')).map((row) => row.split(' -> ')[1])
      // The last one is the directory that ls reads.
      expect(links).toHaveLength(5)
      expect(links[0]).toBe('/dev/null')
      expect(links[3]).toStartWith('socket:')
      expect(links[4]).toEndWith('/fd')
    })

    test('a standard descriptor that the host had closed is /dev/null, not a socket', async () => {
      const through = ['/bin/sh', '-c', 'exec "$@" 2>&-', 'sh']
      const script = '/bin/readlink /proc/self/fd/2'
      expect(await output(script, { starter, through })).toBe('/dev/null\n')
    })

    test('signals that the host ignores are not ignored, and none is blocked', async () => {
      const through = ['/bin/sh', '-c', 'trap "" PIPE HUP USR1; exec "$@"', 'sh']
      const status = await output('exec /bin/cat /proc/self/status', { starter, through })
      expect(statusField(status, 'SigIgn')).toBe('0000000000000000')
      expect(statusField(status, 'SigBlk')).toBe('0000000000000000')
    })
  })
}
