import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { launch, output, starters, statusField, userNamespaces } from './harness.ts'

for (const starter of starters) {
  const possible = starter === 'root' || userNamespaces
  describe.if(possible)(`a pid namespace (${starter})`, () => {
    const flags = ['--pid-namespace', 'required']

    test('the program is its init, and sees its own pid as 1', async () => {
      expect(await output('echo $$', { starter, flags })).toBe('1\n')
    })

    test('the report says so, and gives the pid that the host knows', async () => {
      const launched = launch(['/bin/sleep', '300'], { starter, flags })
      const line = await launched.line('launched')
      expect(line.layers).toContain('pid_namespace')
      expect(line.layers?.includes('user_namespace')).toBe(starter === 'user')
      const status = readFileSync(`/proc/${line.pid}/status`, 'utf8')
      expect(statusField(status, 'NSpid').split('\t')).toEqual([`${line.pid}`, '1'])
      launched.process.kill('SIGKILL')
      await launched.end()
    })

    test('it cannot signal a process of the host', async () => {
      expect(await output(`kill -0 ${process.pid} 2>/dev/null || echo unseen`, { starter })).toBe(
        'unseen\n',
      )
    })
  })

  test(`off: the program keeps a pid of the host (${starter})`, async () => {
    const flags = ['--pid-namespace', 'off']
    const launched = launch(['/bin/sh', '-c', 'echo $$'], { starter, flags })
    const { stdout } = await launched.end()
    expect(stdout).toBe(`${launched.lines[0]?.pid}\n`)
    expect(launched.lines[0]?.layers).not.toContain('pid_namespace')
  })
}

// A user namespace that may not create further ones, as some machines configure it for every user.
const WITHOUT_NAMESPACES = [
  'unshare',
  '--user',
  '--map-user=1000',
  '--map-group=1000',
  '--keep-caps',
  '/bin/sh',
  '-c',
  'echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --ambient-caps=-all --inh-caps=-all -- "$@"',
  'sh',
]

describe.if(userNamespaces)('where namespaces are not available', () => {
  const refused = (mode: string) =>
    launch(['/bin/sh', '-c', 'echo ran'], {
      starter: 'user',
      through: WITHOUT_NAMESPACES,
      flags: ['--pid-namespace', mode],
    })

  test('required: the launch fails and says why', async () => {
    const launched = refused('required')
    expect((await launched.end()).status).toBe(71)
    expect(launched.lines).toEqual([{ type: 'launch-failed', what: 'namespaces', errno: 'ENOSPC' }])
  })

  test('preferred: the program runs, and the report does not claim the layer', async () => {
    const launched = refused('preferred')
    expect(await launched.end()).toMatchObject({ status: 0, stdout: 'ran\n' })
    expect(launched.lines[0]?.layers).toEqual(['rlimits', 'no_new_privs'])
  })
})
