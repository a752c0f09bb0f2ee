/** Which layers hold under the unit, on each kernel. */
import { expect, test } from 'bun:test'
import { ask, deploy, functions, kernel, workersOf } from './service.ts'

const TIMEOUT = 120_000
const [major, minor] = kernel()
const since = (wantMajor: number, wantMinor: number) =>
  major > wantMajor || (major === wantMajor && minor >= wantMinor)

/** In the order in which they are put in force. */
const LAYERS = [
  'rlimits',
  'no_new_privs',
  'pid_namespace',
  'uid',
  'mount_namespace',
  'network_namespace',
  'ipc_namespace',
  'uts_namespace',
  'landlock',
  'seccomp',
  'worker_rlimits',
  'engine_limits',
  'cgroup',
]

test(
  'a strict worker has every layer',
  async () => {
    await deploy('layers', `export default () => new Response('answer')`, {})
    expect(await ask('layers')).toBe('answer')
    // A worker that cannot start programs is moved into its cgroup a little after its start.
    let layers: string[] = []
    for (let tries = 0; tries < 100 && !layers.includes('cgroup'); tries++) {
      layers = (await workersOf('layers'))[0]?.layers ?? []
    }
    expect(layers).toEqual(LAYERS)
  },
  TIMEOUT,
)

test(
  'doctor names what this kernel’s Landlock lacks',
  async () => {
    const report = JSON.parse((await functions('doctor', '--json')).stdout)
    const { detail } = report.layers.find(({ layer }: { layer: string }) => layer === 'landlock')
    // Debian's Linux 6.1 has version 2; the table of requirements in docs/operations.md says what that means.
    const lacks = [
      [since(6, 2), 'truncation counts as writing (Linux 6.2)'],
      [since(6, 7), 'no ports (Linux 6.7)'],
      [since(6, 10), 'no ioctl on devices (Linux 6.10)'],
      [since(6, 12), 'signals and abstract sockets stay inside (Linux 6.12)'],
    ]
      .filter(([has]) => has === false)
      .map(([, what]) => what)
    const [, missing = ''] = detail.split('; this kernel lacks: ')
    expect(missing.split(', ').filter(Boolean)).toEqual(lacks)
  },
  TIMEOUT,
)

test(
  'each profile runs, also those that need more of the kernel',
  async () => {
    const report = JSON.parse((await functions('doctor', '--json')).stdout)
    const results = report.checks.map(({ name, result }: Record<string, string>) => [name, result])
    for (const name of [
      'profiles with paths',
      'profiles with programs',
      'the permissive profile',
      'bun workers',
    ]) {
      expect(results).toContainEqual([name, 'ok'])
    }
    await deploy('open', `export default () => new Response('answer')`, 'permissive')
    expect(await ask('open')).toBe('answer')
  },
  TIMEOUT,
)
