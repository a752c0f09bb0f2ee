/** The limits that the kernel enforces on a worker, and that the worker cannot change them. */
import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { call, openFactory, start } from '../conformance/harness.ts'
import { outcome, type Stand, stand } from './evil.ts'

/** The size of a file. The files here are sparse, so no disk is filled. */
const LIMIT = 2 ** 30
const MEMORY_MB = 64
/** Memory of the worker beyond its function's limit, for stack, buffers and loop. */
const OWN_MB = 33
const dir = mkdtempSync(join(tmpdir(), 'functions-limit-'))
chmodSync(dir, 0o777)

const paths = { allowFilesystem: true, allowedPaths: [dir] }
const everything = { allowFilesystem: true, allowNetwork: true, allowChildProcess: true }
const stands: [string, Stand][] = [
  ['paths', stand('quickjs-ng', paths)],
  ['all files', stand('quickjs-ng', { allowFilesystem: true })],
  ['programs', stand('quickjs-ng', { ...paths, allowChildProcess: true })],
  ['permissive', stand('quickjs-ng', everything)],
]
const fixture = openFactory()

afterAll(async () => {
  await Promise.all([fixture.close(), ...stands.map(([, { fixture }]) => fixture.close())])
  rmSync(dir, { recursive: true, force: true })
})

describe.each(stands)('native code (%s)', (kind, at) => {
  test('writes up to 1 GiB, and is refused the rest', async () => {
    const path = join(dir, kind.replace(' ', '-'))
    expect(await outcome(at, `pass-file-limit ${path}`)).toBe('refused EFBIG')
    expect(statSync(path).size).toBe(LIMIT)
  })

  test('gets no more memory than its function may have', async () => {
    const [, megabytes] = (await outcome(at, 'fill-memory')).split(' ')
    expect(Number(megabytes)).toBeWithin(1, MEMORY_MB + OWN_MB)
  })

  test('raises no limit on its memory', async () => {
    const filtered = kind === 'paths' || kind === 'all files'
    expect(await outcome(at, 'raise-as')).toBe(filtered ? 'killed' : 'refused EPERM')
  })
})

const AT_LIMIT = `import * as fs from 'node:fs/promises'
export default async (request) => {
  const path = new URL(request.url).searchParams.get('path')
  const file = await fs.open(path, 'w')
  const bytes = new TextEncoder().encode('evil')
  try {
    const { bytesWritten } = await file.write(bytes, 0, 4, ${LIMIT - 2})
    await file.write(bytes, 0, 4, ${LIMIT - 2} + bytesWritten)
    return new Response('written')
  } catch (error) {
    return new Response(String(error.code))
  } finally {
    await file.close()
  }
}`

describe.each([
  ['paths', paths],
  ['permissive', { ...everything, allowEval: true }],
])('a Bun worker (%s)', (kind, capabilities) => {
  test('writes up to 1 GiB, is refused the rest, and goes on', async () => {
    const { worker } = await start(fixture.factory, 'bun', AT_LIMIT, { capabilities })
    const path = join(dir, `bun-${kind}`)
    for (let i = 0; i < 2; i++) {
      const answer = await call(worker, { url: `http://probe.test/?path=${path}` })
      expect(answer.error).toBeUndefined()
      expect(answer.body.toString()).toBe('EFBIG')
      expect(statSync(path).size).toBe(LIMIT)
    }
  })

  test('has these limits, soft and hard alike', async () => {
    const { worker } = await start(fixture.factory, 'bun', AT_LIMIT, { capabilities })
    const limits = readFileSync(`/proc/${worker.pid}/limits`, 'latin1')
    expect(limits).toMatch(new RegExp(`^Max file size +${LIMIT} +${LIMIT} `, 'm'))
    expect(limits).toMatch(/^Max core file size +0 +0 /m)
    expect(limits).toMatch(/^Max open files +(\d+) +\1 /m)
    expect(limits).toMatch(/^Max cpu time +(\d+) +\1 /m)
  })
})
