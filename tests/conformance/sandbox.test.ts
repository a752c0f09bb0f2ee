/** The sandbox of each worker, the layers that it requires, and that it answers requests inside it. */
import { afterAll, describe, expect, test } from 'bun:test'
import { readFileSync, readlinkSync } from 'node:fs'
import { begin, call, makeSpec, openFactory, start, until } from './harness.ts'

const SANITIZED = process.env.FUNCTIONS_TEST_SANITIZED === '1'
const OK = `export default () => new Response('ok')`
const NAMESPACES = ['mount', 'network', 'ipc', 'uts', 'pid']
const everyNamespace = NAMESPACES.map((name) => `${name}_namespace`)

const fixture = openFactory()
const alone = openFactory({ start: 'exec' })
const bare = openFactory({ namespaces: 'off', log: () => {} })
const degraded = openFactory({ namespaces: 'off', allowDegraded: true })
afterAll(async () => {
  await Promise.all([fixture, alone, bare, degraded].map((one) => one.close()))
})

const FILES = { allowFilesystem: true, allowedPaths: ['/usr/share', '/tmp:ro'] }
const PROGRAMS = { allowChildProcess: true }

function namespace(pid: number | 'self', name: string): string {
  return readlinkSync(`/proc/${pid}/ns/${name}`)
}

describe.skipIf(SANITIZED)('a quickjs worker', () => {
  test.each([
    ['strict', {}, everyNamespace],
    ['with paths', FILES, everyNamespace],
    ['with programs', PROGRAMS, everyNamespace],
    ['with all files', { allowFilesystem: true }, everyNamespace],
    [
      'with all files and all of the network',
      { allowFilesystem: true, allowNetwork: true },
      everyNamespace.filter((name) => name !== 'network_namespace'),
    ],
  ])('%s answers behind all layers of its kind', async (_what, capabilities, layers) => {
    const { worker } = await start(fixture.factory, 'quickjs-ng', OK, { capabilities })
    expect((await call(worker)).body.toString()).toBe('ok')
    expect(worker.layers).toEqual(expect.arrayContaining([...layers, 'landlock', 'seccomp']))
    await until('its pid', () => worker.pid !== undefined)
    for (const layer of everyNamespace) {
      const name = layer.replace('_namespace', '').replace('network', 'net').replace('mount', 'mnt')
      const own = namespace(worker.pid as number, name) !== namespace('self', name)
      expect(`${name} ${own}`).toBe(`${name} ${layers.includes(layer)}`)
    }
    worker.kill(new Error('enough') as never)
  })

  test('that may start programs has its own pid namespace; others share that of their zygote', async () => {
    const starting = [{}, {}, PROGRAMS, PROGRAMS].map((capabilities) =>
      start(fixture.factory, 'quickjs-ng', OK, { capabilities }),
    )
    const workers = (await Promise.all(starting)).map(({ worker }) => worker)
    await until('their pids', () => workers.every(({ pid }) => pid !== undefined))
    const [a, b, c, d] = workers.map(({ pid }) => namespace(pid as number, 'pid'))
    expect(a).toBe(b as string)
    expect(new Set([a, c, d]).size).toBe(3)
    const status = readFileSync(`/proc/${workers[2]?.pid}/status`, 'latin1')
    expect(/^NSpid:.*\t(\d+)$/m.exec(status)?.[1]).toBe('1')
  })

  test('started by exec is a separate process, in its own namespaces', async () => {
    const starting = [{}, {}].map(() => start(alone.factory, 'quickjs-ng', OK))
    const workers = (await Promise.all(starting)).map(({ worker }) => worker)
    for (const worker of workers) {
      expect((await call(worker)).body.toString()).toBe('ok')
      expect(worker.layers).toEqual(expect.arrayContaining([...everyNamespace, 'seccomp']))
    }
    for (const name of ['mnt', 'net', 'pid', 'ipc', 'uts']) {
      const [a, b] = workers.map(({ pid }) => namespace(pid as number, name))
      expect(a).not.toBe(b as string)
    }
  })

  test('started by exec keeps its CPU budget', async () => {
    const spin = `export default () => { for (;;); }`
    const { worker } = await start(alone.factory, 'quickjs-ng', spin)
    const { error } = await call(worker, { cpuMs: 200 })
    expect(error?.code).toBe('CPU_LIMIT')
  })
})

describe('a layer that a profile requires and the machine does not give', () => {
  test('strict does without namespaces: its filter has no call for files or network', async () => {
    const { worker } = await start(bare.factory, 'quickjs-ng', OK)
    expect((await call(worker)).body.toString()).toBe('ok')
    expect(worker.layers).not.toContain('mount_namespace')
  })

  test.each([
    ['paths', 'quickjs-ng', FILES, 'mount_namespace'],
    ['programs', 'quickjs-ng', PROGRAMS, 'mount_namespace'],
    ['all files', 'quickjs-ng', { allowFilesystem: true }, 'mount_namespace'],
    ['nothing', 'bun', {}, 'pid_namespace'],
  ] as const)(
    '%s in %s is refused, with the layer and what to do',
    async (_what, runtime, capabilities, layer) => {
      const spec = makeSpec(runtime, OK, { capabilities: capabilities as never })
      const error = await begin(bare.factory, spec).exit
      const why = error?.code === 'SANDBOX_UNAVAILABLE' ? error : (error?.cause as typeof error)
      expect(why?.code).toBe('SANDBOX_UNAVAILABLE')
      expect(why?.message).toContain(
        SANITIZED ? 'requires the layer' : `requires the layer ${layer}`,
      )
      expect(why?.message).toContain('allow user namespaces')
      expect(why?.message).toContain('sandbox.allow_degraded')
    },
  )

  test.each([
    ['quickjs-ng', FILES],
    ['quickjs-ng', PROGRAMS],
    ['bun', {}],
  ] as const)('%s with %j runs where the operator allows that', async (runtime, capabilities) => {
    const { worker } = await start(degraded.factory, runtime, OK, {
      capabilities: capabilities as never,
    })
    expect((await call(worker)).body.toString()).toBe('ok')
    expect(worker.layers).not.toContain('mount_namespace')
  })
})

describe('a Bun worker', () => {
  const PROBE = `
    import { readdirSync, readFileSync } from 'node:fs'
    const attempt = async (what) => { try { return await what() } catch (e) { return 'refused: ' + (e.code ?? e.message) } }
    export default async () => Response.json({
      passwd: await attempt(() => readFileSync('/etc/passwd', 'utf8')),
      root: await attempt(() => readdirSync('/')),
      processes: await attempt(() => readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length),
      spawn: await attempt(() => Bun.spawnSync([process.execPath, '--version']).exitCode),
      write: await attempt(() => Bun.write('/tmp/a', 'x')),
      env: { ...process.env }, cwd: process.cwd(),
    })`

  test('strict: no files, no processes, nobody else’s memory, an empty environment', async () => {
    const { worker } = await start(fixture.factory, 'bun', PROBE)
    const seen = JSON.parse((await call(worker)).body.toString())
    expect(seen).toMatchObject({ write: 1, cwd: '/' })
    expect(seen.passwd).toStartWith('refused: ENOENT')
    expect(seen.root).toStartWith('refused: EACCES')
    // With or without the right to list /proc, it sees only itself.
    expect([0, 1, 'refused: EACCES']).toContain(seen.processes)
    expect(seen.spawn).toStartWith('refused: ENOSYS')
    expect(Object.keys(seen.env).filter((name) => name !== 'BUN_BE_BUN')).toEqual([])
    expect(worker.layers).toEqual(
      expect.arrayContaining([...everyNamespace, 'landlock', 'seccomp', 'no_new_privs']),
    )
  })

  test('two of them share no pid namespace, so neither sees the other’s memory', async () => {
    const workers = [
      await start(fixture.factory, 'bun', OK),
      await start(fixture.factory, 'bun', OK),
    ]
    const [a, b] = workers.map(({ worker }) => namespace(worker.pid as number, 'pid'))
    expect(a).not.toBe(b as string)
  })

  test('with everything has the host’s files, programs and network', async () => {
    const capabilities = {
      allowFilesystem: true,
      allowNetwork: true,
      allowChildProcess: true,
      allowEval: true,
    }
    const { worker } = await start(fixture.factory, 'bun', PROBE, { capabilities })
    const seen = JSON.parse((await call(worker)).body.toString())
    expect(seen.passwd).toContain('root')
    expect(seen.spawn).toBe(0)
    expect(worker.layers).not.toContain('network_namespace')
    expect(worker.layers).toEqual(expect.arrayContaining(['mount_namespace', 'seccomp']))
  })
})
