import { describe, expect, test } from 'bun:test'
import { isRoot, launch, ORDINARY_ID, output, starters, statusField, TENANT_ID } from './harness.ts'

const NO_CAPABILITIES = '0000000000000000'

for (const starter of starters) {
  describe(`started as ${starter}`, () => {
    test('the program has no capability and cannot get one by exec', async () => {
      const status = await output('cat /proc/self/status', { starter })
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
        expect(`${set} ${statusField(status, set)}`).toBe(`${set} ${NO_CAPABILITIES}`)
      }
      expect(statusField(status, 'NoNewPrivs')).toBe('1')
    })

    test('the report names the layers that are in force', async () => {
      const launched = launch(['/bin/true'], { starter, flags: ['--pid-namespace', 'off'] })
      await launched.end()
      const uid = starter === 'root' ? ['uid'] : []
      expect(launched.lines[0]?.layers).toEqual(['rlimits', 'no_new_privs', ...uid])
    })
  })
}

describe.if(isRoot)('started as root', () => {
  test('the program runs as the user asked for, with no group but its own', async () => {
    const status = await output('cat /proc/self/status')
    const four = Array(4).fill(TENANT_ID).join('\t')
    expect(statusField(status, 'Uid')).toBe(four)
    expect(statusField(status, 'Gid')).toBe(four)
    expect(statusField(status, 'Groups')).toBe('')
    expect(statusField(status, 'CapBnd')).toBe(NO_CAPABILITIES)
  })

  test('a program in a folder that only root may enter runs all the same', async () => {
    const { chmodSync, copyFileSync, mkdtempSync, rmSync } = await import('node:fs')
    const { LAUNCHER } = await import('./harness.ts')
    const folder = mkdtempSync('/tmp/functions-private-')
    chmodSync(folder, 0o700)
    try {
      // The launcher itself is a static program; without arguments it fails with its own status.
      copyFileSync(LAUNCHER, `${folder}/program`)
      chmodSync(`${folder}/program`, 0o755)
      const launched = launch([`${folder}/program`])
      const { status } = await launched.end()
      expect(launched.lines.map((line) => line.type)).toEqual(['launched', 'launch-failed'])
      expect(launched.lines[1]?.what).toBe('no program is given after --')
      expect(status).toBe(71)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  for (const ids of [
    ['--uid', '0', '--gid', '5'],
    ['--uid', '5', '--gid', '0'],
    ['--uid', '5'],
    [],
  ]) {
    test(`refuses to stay root with "${ids.join(' ')}"`, async () => {
      const launched = launch(['/bin/true'], { bare: true, flags: ids })
      expect((await launched.end()).status).toBe(71)
      expect(launched.lines).toHaveLength(1)
      expect(launched.lines[0]?.type).toBe('launch-failed')
      expect(launched.lines[0]?.what).toContain('--uid')
    })
  }
})

describe('started as user', () => {
  test('the program runs as that user', async () => {
    const uid = isRoot ? ORDINARY_ID : process.getuid?.()
    const status = await output('cat /proc/self/status', { starter: 'user' })
    expect(statusField(status, 'Uid').split('\t')[0]).toBe(`${uid}`)
  })

  test('another user cannot be had', async () => {
    const flags = ['--uid', `${TENANT_ID}`, '--gid', `${TENANT_ID}`]
    const launched = launch(['/bin/true'], { starter: 'user', flags })
    expect((await launched.end()).status).toBe(71)
    expect(launched.lines[0]).toMatchObject({ type: 'launch-failed', what: 'privileges' })
  })
})
