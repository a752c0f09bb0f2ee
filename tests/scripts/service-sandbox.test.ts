/** The service under the unit, started by systemd itself: nothing that it sets takes away what the layers need. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../../src/testing/eventually.ts'
import { Machine, obstacle, settings, UNIT } from './systemd/machine.ts'

interface Report {
  ok: boolean
  checks: { name: string; result: string; detail: string }[]
  layers: { layer: string; available: boolean; inUse: boolean; detail: string }[]
}

const ANSWER = `export default () => new Response('answer')`
const READ = `import { readFile } from 'node:fs/promises'
export default async (req: Request) => {
  const path = new URL(req.url).searchParams.get('path') ?? ''
  try { return new Response(await readFile(path, 'utf8')) } catch (error) { return new Response(error.code) }
}`
const PROGRAM = `import { execFile } from 'node:child_process'
export default () => new Promise((done) => {
  execFile('/bin/echo', ['answer'], (error, out) => done(new Response(error ? String(error) : out.trim())))
})`

const PERMISSIVE = ['--profile', 'permissive']
const bun = { allowEval: true, maxMemory: '512MB' }
/** A folder and a file that each machine with systemd has. */
const some = { allowFilesystem: true, allowedPaths: ['/usr/lib'] }
const RELEASE = '/?path=/usr/lib/os-release'
const SECRETS = '/?path=/var/lib/functions/metadata.db'

/** Each kind of worker: its source, how it is deployed, what it is asked, and what the answer is like. */
const KINDS: [string, string, (string | object)[], string, RegExp][] = [
  ['strict', ANSWER, [], '/', /^answer$/],
  ['paths', READ, [some], RELEASE, /^ID=/m],
  ['programs', PROGRAM, [{ allowChildProcess: true, allowedPaths: [] }], '/', /^answer$/],
  ['permissive', READ, PERMISSIVE, RELEASE, /^ID=/m],
  ['permissive-programs', PROGRAM, PERMISSIVE, '/', /^answer$/],
  ['bun', ANSWER, ['--runtime', 'bun', bun], '/', /^answer$/],
  ['bun-paths', READ, ['--runtime', 'bun', { ...bun, ...some }], RELEASE, /^ID=/m],
  ['bun-permissive', READ, ['--runtime', 'bun', ...PERMISSIVE], RELEASE, /^ID=/m],
]

/** The unit once more, but what it starts is doctor, which ends. */
const DOCTOR = UNIT.replace('Type=notify', 'Type=oneshot')
  .replace(/^Restart=.*$/m, 'StandardOutput=file:/run/machine/doctor')
  .replace(/^(ExecStart=\S+) serve (.*)$/m, '$1 doctor --json $2')

/** What systemctl calls otherwise, or says in other words, than the unit does. */
const SAID: Record<string, [property: string, value: (value: string) => string]> = {
  RestartSec: ['RestartUSec', (value) => `${value}s`],
  TimeoutStopSec: ['TimeoutStopUSec', (value) => `${value}s`],
  WatchdogSec: ['WatchdogUSec', (value) => `${value}s`],
  CapabilityBoundingSet: ['CapabilityBoundingSet', (value) => value.toLowerCase()],
}
const LISTS = ['CapabilityBoundingSet', 'RestrictAddressFamilies']

/** Bits of a set of capabilities, by capabilities(7). */
const BITS: Record<string, number> = {
  CAP_DAC_OVERRIDE: 1,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
}

/** The unit's settings for its service; a list may be given in parts. */
const given = new Map<string, string>()
for (const [key, value] of settings('Service')) {
  given.set(key, given.has(key) ? `${given.get(key)} ${value}` : value)
}
const words = (text: string) => text.split(/\s+/).filter(Boolean).sort()
const field = (text: string, name: string) =>
  new RegExp(`^${name}:?\\s+(.*)$`, 'm').exec(text)?.[1]?.trim() ?? ''

const why = obstacle()
const under = why === undefined ? 'under systemd' : `under systemd (not run: ${why})`

describe.skipIf(why !== undefined)(under, () => {
  let machine: Machine
  beforeAll(async () => {
    machine = await Machine.boot({ 'doctor.service': DOCTOR })
  }, 60_000)
  afterAll(() => machine?.remove())

  const capabilities = () =>
    words(given.get('CapabilityBoundingSet') ?? '').reduce((set, name) => {
      const bit = BITS[name]
      if (bit === undefined) throw new Error(`this test does not know the bit of ${name}`)
      return set | (1n << BigInt(bit))
    }, 0n)

  test.each([...given])('systemd has taken %s=%s', async (key, value) => {
    const [property, inItsWords] = SAID[key] ?? [key, (text: string) => text]
    const said = await machine.property(property)
    const wanted = inItsWords(value)
    if (key.startsWith('Exec')) expect(said).toContain(`argv[]=${wanted} ;`)
    else if (LISTS.includes(key)) expect(words(said)).toEqual(words(wanted))
    else expect(`${key}=${said}`).toBe(`${key}=${wanted}`)
  })

  test('the kernel holds the service to it', async () => {
    const status = await machine.proc('status')
    const own = BigInt(`0x${field(await Bun.file('/proc/self/status').text(), 'CapBnd')}`)
    expect(BigInt(`0x${field(status, 'CapBnd')}`)).toBe(own & capabilities())
    expect(field(status, 'NoNewPrivs')).toBe('1')
    expect(field(status, 'Umask')).toBe('0077')
    // One filter for each of the settings that are one, and for each kind of system calls.
    expect(field(status, 'Seccomp')).toBe('2')
    expect(Number(field(status, 'Seccomp_filters'))).toBeGreaterThanOrEqual(6)
    const limits = await machine.proc('limits')
    expect(words(field(limits, 'Max core file size'))).toEqual(['0', '0', 'bytes'])
    const mounts = await machine.proc('mountinfo')
    expect(mounts).toMatch(/ \/ \/ ro,/)
    expect(mounts).toMatch(/ \/var\/lib\/functions rw,/)
    for (const path of ['/dev', '/home', '/tmp']) expect(mounts).toContain(` ${path} r`)
  })

  test('doctor says the same of the layers as outside of it', async () => {
    const outside: Report = JSON.parse((await machine.functions('doctor', '--json')).stdout)
    const started = await machine.run('systemctl', 'start', 'doctor.service')
    expect(started.stderr).toBe('')
    const inside: Report = JSON.parse(machine.read('doctor'))
    expect(inside.ok).toBe(true)
    // Only that machine has its own cgroup.
    const layers = ({ layers }: Report) =>
      layers
        .filter(({ layer }) => layer !== 'cgroup')
        .map(({ layer, available, inUse }) => `${layer} ${available} ${inUse}`)
    expect(layers(inside)).toEqual(layers(outside))
    const workers = ({ checks }: Report) =>
      checks
        .filter(({ detail }) => detail.includes('layers: '))
        .map(({ name, result, detail }) => `${name} ${result} ${detail.split('layers: ')[1]}`)
    expect(workers(inside).length).toBeGreaterThanOrEqual(5)
    expect(workers(inside)).toEqual(workers(outside))
  })

  async function ask(name: string, path: string): Promise<string> {
    const { stdout, stderr } = await machine.functions('invoke', name, path)
    return stdout + stderr
  }

  test.each(KINDS)(
    '%s: a worker answers from behind its layers',
    async (name, source, how, path, wanted) => {
      const flags = how.flatMap((flag) =>
        typeof flag === 'string'
          ? [flag]
          : ['--profile', machine.write(`${name}.json`, JSON.stringify(flag))],
      )
      const file = machine.write(`${name}.ts`, source)
      const deployed = await machine.functions('deploy', name, file, ...flags)
      expect(deployed.stderr).toBe('')
      expect(await ask(name, path)).toMatch(wanted)
      if (source === READ) expect(await ask(name, SECRETS)).not.toContain('SQLite')
      const rows = JSON.parse((await machine.functions('workers', '--json')).stdout)
      const row = rows.find((each: { function: string }) => each.function === name)
      const namespaces = ['pid', 'mount', 'ipc', 'uts'].map((kind) => `${kind}_namespace`)
      expect(row.layers).toEqual(
        expect.arrayContaining([
          ...namespaces,
          'uid',
          'rlimits',
          'no_new_privs',
          'landlock',
          'seccomp',
        ]),
      )
    },
  )

  test('a service that is killed comes again, with its functions', async () => {
    const before = await machine.property('MainPID')
    await machine.run('systemctl', 'kill', '--signal=KILL', '--kill-whom=main', 'functions.service')
    await eventually('another one listens', async () => {
      const pid = await machine.property('MainPID')
      return pid !== '0' && pid !== before && (await ask('strict', '/')).startsWith('answer')
    })
  })

  test('it reports its state', async () => {
    expect(await machine.property('StatusText')).toMatch(/^Serving functions at http:/)
    expect(await machine.property('ActiveState')).toBe('active')
  })

  test('a restart and an upgrade keep the unit running, in another main process', async () => {
    const restarts = await machine.property('NRestarts')
    let pid = await machine.property('MainPID')
    // The unit may not write to /opt; the command, which is not under the unit, may.
    const file = machine.write('functions', '')
    const copied = await machine.run('cp', '/opt/functions/functions', file)
    expect(copied.stderr).toBe('')
    for (const command of [['restart'], ['upgrade', file]]) {
      const { stdout, stderr } = await machine.functions(...command, '--json')
      expect(stderr).toBe('')
      const next = JSON.parse(stdout)
      expect(await machine.property('MainPID')).toBe(String(next.pid))
      expect(String(next.pid)).not.toBe(pid)
      pid = String(next.pid)
      await eventually('only one process is left', async () => {
        // The program of an upgrade was started under another name.
        const { stdout: pids } = await machine.run('pgrep', '-x', 'functions')
        return pids.trim() === pid
      })
      expect(await machine.property('ActiveState')).toBe('active')
      expect(await machine.property('StatusText')).toMatch(/^Serving functions at http:/)
    }
    expect(await machine.property('NRestarts')).toBe(restarts)
    expect(await ask('strict', '/')).toMatch(/^answer/)
    expect((await machine.run('ls', '/opt/functions')).stdout).toBe(
      'functions\nfunctions.previous\n',
    )
  }, 40_000)

  test('a service whose event loop hangs is killed and starts again', async () => {
    machine.write('units/functions.service.d/watchdog.conf', '[Service]\nWatchdogSec=1\n')
    await machine.run('systemctl', 'daemon-reload')
    const restarted = await machine.run('systemctl', 'restart', 'functions.service')
    expect(restarted.stderr).toBe('')
    const before = await machine.property('MainPID')
    // A stopped process is as silent as one in an endless loop. systemd continues it when it ends it.
    await machine.run('kill', '-STOP', before)
    await eventually('another one listens', async () => {
      const pid = await machine.property('MainPID')
      return pid !== '0' && pid !== before && (await ask('strict', '/')).startsWith('answer')
    })
    expect(Number(await machine.property('NRestarts'))).toBeGreaterThan(0)
  }, 20_000)

  test('stopped, it leaves no process behind', async () => {
    const stopped = await machine.run('systemctl', 'stop', 'functions.service')
    expect(stopped.stderr).toBe('')
    expect(await machine.property('Result')).toBe('success')
    const { stdout } = await machine.run('ps', '-e', '-o', 'comm=')
    expect(stdout.split('\n').filter((name) => /functions|quickjs|bun/.test(name))).toEqual([])
  })
})
