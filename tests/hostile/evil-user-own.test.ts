/**
 * A service of an ordinary user: its workers run as the same user, but cannot reach the files and
 * sockets of that user, and cannot use more of the machine than their limits allow.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { maxProcesses } from '../../src/worker/sandbox/sandbox.ts'
import { userNamespaces } from '../launcher/harness.ts'
import { asOrdinaryUser, ORDINARY_ID, outcome, type Stand, stand } from './evil.ts'

const MEMORY_MB = 64
/** Memory beyond the function's limit, for stack, buffers and loop. */
const OWN_MB = 33

const secrets = mkdtempSync(join(tmpdir(), 'functions-own-'))
const file = join(secrets, 'metadata.db')
const socket = join(secrets, 'control.sock')
writeFileSync(file, 'content', { mode: 0o600 })
if (process.getuid?.() === 0)
  for (const path of [secrets, file]) chownSync(path, ORDINARY_ID, ORDINARY_ID)

const paths = { allowFilesystem: true, allowedPaths: ['/usr/share'] }
const everything = {
  allowFilesystem: true,
  allowNetwork: true,
  allowChildProcess: true,
  allowEval: true,
}
const user = (namespaces: boolean) => ({ ...asOrdinaryUser(namespaces), covered: [secrets] })
const without = 'strict, without user namespaces'
const stands: Record<string, Stand> = {
  [without]: stand('quickjs-ng', {}, user(false)),
  ...(userNamespaces && {
    strict: stand('quickjs-ng', {}, user(true)),
    paths: stand('quickjs-ng', paths, user(true)),
    'all files': stand('quickjs-ng', { allowFilesystem: true }, user(true)),
    programs: stand('quickjs-ng', { ...paths, allowChildProcess: true }, user(true)),
    permissive: stand('quickjs-ng', everything, user(true)),
    bun: stand('bun', {}, user(true)),
  }),
}

let server: Server
beforeAll(async () => {
  server = createServer((connection) => connection.on('error', () => {}))
  await new Promise<void>((done) => server.listen({ path: socket }, done))
  chmodSync(socket, 0o777)
})
afterAll(async () => {
  server.close()
  await Promise.all(Object.values(stands).map(({ fixture }) => fixture.close()))
  rmSync(secrets, { recursive: true, force: true })
})

const isSealed = (kind: string) => kind.startsWith('strict')
/** Kinds whose filter has calls for sockets and processes. */
const isWide = (kind: string) => ['programs', 'permissive', 'bun'].includes(kind)

describe.each(Object.entries(stands))('%s', (kind, at) => {
  test('the service’s own files', async () => {
    const refused = isSealed(kind) ? /^killed$/ : /^refused (ENOENT|EACCES)$/
    expect(await outcome(at, `open-read ${file}`)).toMatch(refused)
  })

  test('the service’s own socket', async () => {
    const refused = isWide(kind) ? /^refused (ENOENT|EACCES|EPERM)$/ : /^killed$/
    expect(await outcome(at, `unix ${socket}`)).toMatch(refused)
  })

  test('the processes of its user', async () => {
    expect(await outcome(at, 'signal-others')).toMatch(isWide(kind) ? /^done 0$/ : /^killed$/)
  })

  test('descriptors that it did not make', async () => {
    // A separate process has two descriptors that print to its function's log.
    const printing = isWide(kind) ? 2 : 0
    expect(await outcome(at, 'other-sockets')).toBe(`done ${printing}`)
  })

  test('more descriptors than it may', async () => {
    expect(await outcome(at, 'raise-nofile')).toBe(isWide(kind) ? 'refused EPERM' : 'killed')
  })

  test('a core file', async () => {
    expect(await outcome(at, 'dump-core')).toMatch(/signal 6|killed|WORKER_CRASHED/)
    expect(readdirSync('/').filter((name) => name.startsWith('core'))).toEqual([])
  })

  // One of each kind: counted by the worker itself, by the launcher's limit, and from outside.
  if ([without, 'programs', 'bun'].includes(kind)) {
    test('the CPU, for ever', async () => {
      expect(await outcome(at, 'spin')).toMatch(/CPU_LIMIT|BUNDLE_LOAD_ERROR/)
    }, 60_000)
  }

  // Bun cannot run with a limit on address space: its memory is measured from outside.
  if (kind !== 'bun') {
    test('more memory than it may', async () => {
      const [, megabytes] = (await outcome(at, 'fill-memory')).split(' ')
      expect(Number(megabytes)).toBeWithin(1, MEMORY_MB + OWN_MB)
    })
  }

  if (['programs', 'permissive'].includes(kind)) {
    test('processes without end', async () => {
      const said = await outcome(at, 'count-forks')
      expect(Number(/^done (\d+)$/.exec(said)?.[1])).toBeWithin(1, maxProcesses())
    })
  }
})
