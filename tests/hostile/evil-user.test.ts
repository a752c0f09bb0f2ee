/** The same attacker in a service of an ordinary user, with and without user namespaces. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { userNamespaces } from '../launcher/harness.ts'
import { CALLS, LETHAL, REFUSED } from './attempts.ts'
import { asOrdinaryUser, attack, outcome, type Stand, stand } from './evil.ts'
import { Neighbour } from './neighbour.ts'

const paths = { allowFilesystem: true, allowedPaths: ['/usr/share'] }
const everything = {
  allowFilesystem: true,
  allowNetwork: true,
  allowChildProcess: true,
  allowEval: true,
}
const stands: Record<string, Stand> = {
  'strict, without user namespaces': stand('quickjs-ng', {}, asOrdinaryUser(false)),
  strict: stand('quickjs-ng', {}, asOrdinaryUser(true)),
  paths: stand('quickjs-ng', paths, asOrdinaryUser(true)),
  'all files': stand('quickjs-ng', { allowFilesystem: true }, asOrdinaryUser(true)),
  programs: stand('quickjs-ng', { ...paths, allowChildProcess: true }, asOrdinaryUser(true)),
  permissive: stand('quickjs-ng', everything, asOrdinaryUser(true)),
  bun: stand('bun', {}, asOrdinaryUser(true)),
}
const without = stands['strict, without user namespaces'] as Stand
const withThem = userNamespaces ? ['strict', 'paths', 'all files'] : []
let neighbour: Neighbour
beforeAll(async () => {
  neighbour = await Neighbour.start()
})
afterAll(async () => {
  await Promise.all([
    neighbour.close(),
    ...Object.values(stands).map(({ fixture }) => fixture.close()),
  ])
})

for (const kind of ['strict, without user namespaces', ...withThem]) {
  const at = stands[kind] as Stand
  describe(`${kind}: a call that its filter does not have`, () => {
    test.each(CALLS)('%s', async (attempt) => {
      expect(await outcome(at, attempt)).toBe('killed')
    })
  })
}

describe('strict, without user namespaces', () => {
  test.each([
    'open-read /etc/passwd',
    'open-read /proc/self/mem',
    'open-write /tmp/evil',
    'list /proc',
    'tcp 127.0.0.1 80',
    'udp 127.0.0.1 53',
    'unix /run/socket',
    'abstract evil',
    'signal-others',
    'other-processes',
    'fill-disk /tmp/evil',
  ])('%s', async (attempt) => {
    expect(await outcome(without, attempt)).toBe('killed')
  })

  test('says which layers hold it', async () => {
    const started = attack(without, 'other-sockets')
    await started.ready
    expect(started.worker.layers).toEqual(
      expect.arrayContaining(['rlimits', 'no_new_privs', 'landlock', 'seccomp', 'worker_rlimits']),
    )
    expect(started.worker.layers).not.toContain('mount_namespace')
    started.worker.kill(new Error('enough') as never)
  })

  test.each([
    ['paths', 'quickjs-ng', paths],
    ['programs', 'quickjs-ng', { allowChildProcess: true }],
    ['all files', 'quickjs-ng', { allowFilesystem: true }],
    ['permissive', 'quickjs-ng', everything],
    ['bun', 'bun', {}],
  ] as const)(
    '%s is refused rather than run without its root',
    async (_kind, runtime, capabilities) => {
      const at = { ...without, runtime, capabilities: capabilities as never }
      const error = await attack(at, 'open-read /etc/passwd').exit
      expect(error?.code).toBe('SANDBOX_UNAVAILABLE')
      expect(error?.message).toContain('_namespace')
    },
  )
})

describe.if(userNamespaces)('with user namespaces', () => {
  test('paths: those and no other', async () => {
    const at = stands.paths as Stand
    expect(await outcome(at, 'list /usr/share')).toMatch(/^done/)
    expect(await outcome(at, 'open-read /etc/passwd')).toBe('refused ENOENT')
    expect(await outcome(at, 'list /proc')).toBe('refused ENOENT')
  })

  describe.each(['bun', 'programs', 'permissive'])('%s: the calls that lead out', (kind) => {
    test.each(LETHAL)('%s', async (attempt) => {
      expect(await outcome(stands[kind] as Stand, attempt)).toBe('killed')
    })

    test.each(REFUSED)('%s', async (attempt) => {
      expect(await outcome(stands[kind] as Stand, attempt)).toMatch(/^refused /)
    })

    test('no other process is in sight, none can be signalled', async () => {
      const at = stands[kind] as Stand
      expect(await outcome(at, 'other-processes')).toMatch(/^(done 0|refused EACCES)$/)
      expect(await outcome(at, 'signal-others')).toBe('done 0')
    })
  })

  test('bun: the host’s files, network and processes', async () => {
    const at = stands.bun as Stand
    expect(await outcome(at, 'open-read /etc/passwd')).toBe('refused ENOENT')
    expect(await outcome(at, 'tcp 127.0.0.1 80')).toMatch(/^refused (ENETUNREACH|EACCES)$/)
    expect(await outcome(at, 'signal-others')).toBe('done 0')
    expect(await outcome(at, 'other-processes')).toMatch(/^(done 0|refused EACCES)$/)
  })
})

test('the neighbour answered each request all the while', () => neighbour.expectAllAnswered())
