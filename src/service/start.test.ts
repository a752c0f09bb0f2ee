/** What a start needs of the machine, and what it says when it does not get it. */
import { afterAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BinaryOptions, findBinary } from './binaries.ts'
import { onPort, onSocket } from './listen.ts'
import {
  copiedServiceFile,
  readServiceFile,
  removeServiceFile,
  writeServiceFile,
} from './service-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'functions-start-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function program(...path: string[]): string {
  const file = join(dir, ...path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, '#!/bin/sh\n', { mode: 0o755 })
  return file
}

describe('findBinary', () => {
  const name = 'quickjs-worker'
  const options = (changes: Partial<BinaryOptions> = {}): BinaryOptions => ({
    dataDir: join(dir, 'data'),
    executablePath: join(dir, 'nowhere', 'functions'),
    configured: {},
    embedded: { 'quickjs-worker': program('inside', name), 'functions-launcher': '' },
    ...changes,
  })

  test('takes the configured one before the one beside before the one inside', async () => {
    const configured = program('configured', 'my-worker')
    program('beside', name)
    const executablePath = join(dir, 'beside', 'functions')
    expect(await findBinary(name, options())).toBe(join(dir, 'inside', name))
    expect(await findBinary(name, options({ executablePath }))).toBe(join(dir, 'beside', name))
    const all = options({ executablePath, configured: { [name]: configured } })
    expect(await findBinary(name, all)).toBe(configured)
  })

  test('does not pass over a configured one that cannot be executed', async () => {
    const file = program('configured', 'no-program')
    chmodSync(file, 0o644)
    for (const path of [file, join(dir, 'missing'), dir]) {
      const finding = findBinary(name, options({ configured: { [name]: path } }))
      await expect(finding).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      await expect(finding).rejects.toThrow(path)
    }
  })
})

describe('a port', () => {
  test('that is taken is named', () => {
    const taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    const { port } = taken
    const listen = () => Bun.serve({ hostname: '127.0.0.1', port, fetch: () => new Response() })
    expect(() => onPort('127.0.0.1', port, listen)).toThrow(
      `Port ${port} of 127.0.0.1 is in use by another program.`,
    )
    taken.stop(true)
  })
})

describe('a socket', () => {
  const listen = (unix: string) => Bun.serve({ unix, fetch: () => new Response('ours') })

  test('is its owner\u2019s alone', async () => {
    const path = join(dir, 'own.sock')
    const server = await onSocket(path, listen)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await server.stop(true)
  })

  test('that a killed service left is replaced', async () => {
    const path = join(dir, 'stale.sock')
    const leave = `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); process.kill(process.pid, 'SIGKILL')`
    await Bun.spawn([process.execPath, '-e', leave]).exited
    expect(existsSync(path)).toBe(true)
    const server = await onSocket(path, listen)
    expect(await (await fetch('http://x/', { unix: path })).text()).toBe('ours')
    await server.stop(true)
  })

  test('that somebody listens on is left alone', async () => {
    const path = join(dir, 'taken.sock')
    const taken = Bun.listen({ unix: path, socket: { data() {} } })
    await expect(onSocket(path, listen)).rejects.toThrow('taken.sock is in use by another program.')
    expect(existsSync(path)).toBe(true)
    taken.stop(true)
  })

  test('is never made over a file, and its path has to fit', async () => {
    const path = join(dir, 'file')
    writeFileSync(path, 'precious')
    await expect(onSocket(path, listen)).rejects.toThrow('is not a socket')
    await expect(onSocket(join(dir, 'x'.repeat(120)), listen)).rejects.toThrow('too long')
    await expect(onSocket(join(dir, 'no', 'such', 'folder'), listen)).rejects.toThrow(
      'cannot be used',
    )
  })
})

test('service.json is read back, and nothing else is taken for one', () => {
  const content = { pid: 7, socket: '/s', url: 'http://x' }
  expect(readServiceFile(dir)).toBeUndefined()
  writeServiceFile(dir, content)
  expect(readServiceFile(dir)).toEqual({ ...content, directory: expect.any(String) })
  expect(copiedServiceFile(dir)).toBeUndefined()
  const copy = mkdtempSync(join(tmpdir(), 'functions-copy-'))
  cpSync(dir, copy, { recursive: true, filter: (path) => statSync(path).isFile() || path === dir })
  expect(readServiceFile(copy)).toBeUndefined()
  expect(copiedServiceFile(copy)?.pid).toBe(7)
  rmSync(copy, { recursive: true })
  for (const text of ['', '{', '{"pid":"7"}', '[]']) {
    writeFileSync(join(dir, 'service.json'), text)
    expect(readServiceFile(dir)).toBeUndefined()
  }
  removeServiceFile(dir)
  removeServiceFile(dir)
  expect(existsSync(join(dir, 'service.json'))).toBe(false)
})
