/** The same limits hold for an unmodified worker: system calls are injected into it from outside. */
import { afterAll, describe, expect, test } from 'bun:test'
import { constants } from 'node:os'
import { call, openFactory, start, until } from '../conformance/harness.ts'
import { INJECT } from './evil.ts'

const fixture = openFactory()
const alone = openFactory({ start: 'exec' })
afterAll(async () => {
  await Promise.all([fixture.close(), alone.close()])
})

const possible = process.getuid?.() === 0 && process.arch === 'x64'
const OK = `export default () => new Response('ok')`
/** Numbers of x86-64. */
const CALLS: [string, ...number[]][] = [
  ['open', 2, 0, 0],
  ['openat', 257, -100, 0, 0],
  ['socket', 41, 1, 1, 0],
  ['connect', 42, 3, 0, 0],
  ['fork', 57],
  ['clone', 56, 17, 0],
  ['execve', 59, 0, 0, 0],
  ['ptrace', 101, 0],
  ['kill', 62, 1, 9],
  ['mmap with code', 9, 0, 4096, 7, 34, -1, 0],
  ['mprotect with code', 10, 0, 4096, 7],
  ['io_uring_enter', 426, 0, 0],
  ['bpf', 321, 0, 0, 0],
  ['unshare', 272, 0x10000000],
  ['prctl', 157, 38, 0],
  ['setuid', 105, 0],
  ['a call of x32', 0x40000001, 3, 0, 0],
]

async function inject(pid: number, numbers: number[]): Promise<string> {
  const words = numbers.map((number) => String(BigInt.asUintN(64, BigInt(number))))
  const child = Bun.spawn([INJECT, `${pid}`, ...words], { stdout: 'pipe', stderr: 'pipe' })
  const [said, wrong] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  return `${said}${wrong}`.trim()
}

for (const [how, { factory }] of [
  ['forked', fixture],
  ['executed', alone],
] as const) {
  test.if(possible).each(CALLS)(
    `%s in a strict worker that was ${how} kills it`,
    async (...args) => {
      const [, ...numbers] = args
      const { worker, exit } = await start(factory, 'quickjs-ng', OK)
      await until('its pid', () => worker.pid !== undefined)
      expect(await inject(worker.pid as number, numbers)).toBe(`killed ${constants.signals.SIGSYS}`)
      const error = await exit
      expect(error?.code).toBe('SANDBOX_VIOLATION')
      expect(error?.message).toContain('SIGSYS')
    },
  )
}

const ALL_BUT_OPEN: [string, ...number[]][] = CALLS.filter(([name]) => !name.startsWith('open'))
/** What their wider filters still kill for. The rest is not available or has no effect. */
const OUT: [string, ...number[]][] = [
  ...CALLS.filter(([name]) => ['ptrace', 'bpf', 'unshare', 'a call of x32'].includes(name)),
  ...([
    ['mount', 165, 0, 0, 0, 0, 0],
    ['process_vm_writev', 311, 1, 0, 0, 0, 0, 0],
    ['keyctl', 250, 0, -3, 1],
  ] as [string, ...number[]][]),
]
const paths = { allowFilesystem: true, allowedPaths: ['/usr/share'] }
const everything = {
  allowFilesystem: true,
  allowNetwork: true,
  allowChildProcess: true,
  allowEval: true,
}

describe.if(possible).each([
  ['paths', 'quickjs-ng', paths, ALL_BUT_OPEN],
  ['all files', 'quickjs-ng', { allowFilesystem: true }, ALL_BUT_OPEN],
  ['permissive', 'quickjs-ng', everything, OUT],
  ['bun', 'bun', {}, OUT],
] as const)('%s', (_kind, runtime, capabilities, calls) => {
  test.each(calls as [string, ...number[]][])('%s kills it', async (...args) => {
    const [, ...numbers] = args
    const overrides = { capabilities: capabilities as never }
    const { worker, exit } = await start(fixture.factory, runtime, OK, overrides)
    await until('its pid', () => worker.pid !== undefined)
    expect(await inject(worker.pid as number, numbers)).toBe(`killed ${constants.signals.SIGSYS}`)
    expect((await exit)?.code).toBe('SANDBOX_VIOLATION')
  })
})

test.if(possible)('a call that it has is answered, and the worker goes on', async () => {
  const { worker } = await start(fixture.factory, 'quickjs-ng', OK)
  await until('its pid', () => worker.pid !== undefined)
  const CLOCK_GETTIME = 228
  expect(await inject(worker.pid as number, [CLOCK_GETTIME, 99, 0])).toBe('answered -22')
  expect((await call(worker)).body.toString()).toBe('ok')
})

test.if(possible)('io_uring is answered as not there', async () => {
  const { worker } = await start(fixture.factory, 'quickjs-ng', OK)
  await until('its pid', () => worker.pid !== undefined)
  expect(await inject(worker.pid as number, [425, 8, 0])).toBe('answered -38')
  expect((await call(worker)).body.toString()).toBe('ok')
})
