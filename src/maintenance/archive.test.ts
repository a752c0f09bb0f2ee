import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { ArchiveWriter, readArchive } from './archive.ts'
import { BLOCK_BYTES, decodeHeader, encodeHeader } from './ustar.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-archive-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const BUNDLE = 'bundles/func-app/v1/bundle.js'
const GOOD: [string, string][] = [
  ['settings.toml', '[server]\n'],
  ['metadata.db', 'rows'],
  [BUNDLE, 'x'.repeat(700)],
]

async function archive(entries: readonly [string, string][]): Promise<Buffer> {
  const parts: Uint8Array[] = []
  const sums = await open(join(dir, crypto.randomUUID()), 'wx+')
  const writer = new ArchiveWriter(async (bytes) => parts.push(bytes), sums)
  await writer.begin('1.0.0')
  for (const [path, text] of entries) await writer.addText(path, text)
  await writer.end()
  await sums.close()
  return Buffer.concat(parts)
}

async function* source(bytes: Uint8Array, step: number) {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
}

async function read(bytes: Uint8Array, step = 1000): Promise<[string, string][]> {
  const entries: [string, string][] = []
  for await (const { path, content } of readArchive(source(bytes, step))) {
    const parts: Uint8Array[] = []
    for await (const chunk of content) parts.push(chunk)
    entries.push([path, Buffer.concat(parts).toString()])
  }
  return entries
}

async function refusal(bytes: Uint8Array): Promise<string> {
  try {
    await read(bytes)
  } catch (error) {
    if (error instanceof FunctionError && error.code === 'BACKUP_INVALID') return error.message
    throw error
  }
  return 'it was not refused'
}

describe('an archive', () => {
  test('reads back as it was written, in pieces of any length', async () => {
    const bytes = await archive(GOOD)
    for (const step of [1, 511, 512, 100_000]) expect(await read(bytes, step)).toEqual(GOOD)
  })

  test('is a tar file with a list for sha256sum', async () => {
    const file = join(dir, 'a.tar')
    const long = `bundles/func-${'p'.repeat(63)}.${'n'.repeat(63)}/${'v'.repeat(63)}/bundle.js.map`
    await Bun.write(file, await archive([...GOOD, [long, 'map']]))
    const { exitCode, stdout } = Bun.spawnSync([
      'sh',
      '-c',
      `cd ${dir} && tar -xf a.tar && sha256sum -c --strict SHA256SUMS && ls ${long}`,
    ])
    expect(stdout.toString()).toContain(`${long}: OK`)
    expect(exitCode).toBe(0)
  })

  test('states sizes that octal digits cannot', () => {
    for (const size of [0, 1, 8 ** 11 - 1, 8 ** 11, 2 ** 50]) {
      expect(decodeHeader(encodeHeader('metadata.db', size, 0))).toEqual({
        path: 'metadata.db',
        size,
      })
    }
  })

  test('that is cut off anywhere, or has one other byte, is refused', async () => {
    const bytes = await archive(GOOD)
    for (let end = 0; end < bytes.length; end += 97) {
      expect(await refusal(bytes.subarray(0, end))).toContain('cannot be used')
    }
    for (let at = 0; at < bytes.length - 2 * BLOCK_BYTES; at += 61) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      // Some bytes of a header have no meaning; the checksum of the header covers them too.
      const inPadding = (await refusal(changed)) === 'it was not refused'
      if (inPadding) expect(bytes[at]).toBe(0)
    }
    expect(await refusal(Buffer.concat([bytes, Buffer.from('more')]))).toContain('follows')
  })

  test('with a path that no backup has is refused', async () => {
    const paths = [
      '../escape',
      '/etc/passwd',
      'bundles/../metadata.db',
      'bundles/func-app/../../x',
      'bundles/func-app/../bundle.js',
      'bundles/func-app/v1/../bundle.js',
      'bundles/func-app/v1/bundle.js/x',
      'bundles/func-app/v..1/bundle.js',
      'bundles/func-app/v1/other.js',
      'bundles/func-app',
      'bundles/.staging/x/intent.json',
      'bundles/func-A/v1/bundle.js',
      'service.json',
      'functions.sock',
      '.restore/metadata.db',
      'metadata.db-wal',
      'bundles/func-app/v1\0/bundle.js',
    ]
    for (const path of paths) {
      const text = await refusal(await archive([...GOOD.slice(0, 2), [path, 'x']]))
      expect(text).toMatch(/which no backup does|is not at its place|cannot be used/)
    }
  })

  test('with an entry twice, or out of order, is refused', async () => {
    const [settings, metadata, bundle] = GOOD as [
      [string, string],
      [string, string],
      [string, string],
    ]
    for (const entries of [
      [settings, settings],
      [metadata, settings],
      [settings, metadata, bundle, bundle],
      [settings, metadata, bundle, ['bundles/func-app/v0/bundle.js', 'x']],
      [metadata, bundle, ['logs.db', 'x']],
      [metadata, ['missing.txt', ''], bundle],
      [['functions-backup.json', '{}']],
    ] as [string, string][][]) {
      expect(await refusal(await archive(entries))).toContain('not at its place')
    }
  })

  test('with a link, a device, a directory or an extended header is refused', async () => {
    const bytes = await archive(GOOD)
    for (const type of '123456xgLKS') {
      const changed = Buffer.from(bytes)
      changed.write(type, 1024 + 156, 'latin1')
      // With a valid checksum, so that the type alone is wrong.
      const block = changed.subarray(1024, 1536)
      block.fill(' ', 148, 156)
      const sum = block.reduce((total, byte) => total + byte, 0)
      block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
      expect(await refusal(changed)).toContain('no plain file')
    }
  })

  test('with an entry that claims to be huge is refused before it is read', async () => {
    const head = (await archive([])).subarray(0, 1024)
    const huge = encodeHeader('settings.toml', 2 ** 40, 0)
    expect(await refusal(Buffer.concat([head, huge]))).toContain('the limit is')
    const bundle = encodeHeader(BUNDLE, 2 ** 33, 0)
    expect(await refusal(Buffer.concat([head, bundle]))).toContain('the limit is')
    const missing = encodeHeader('missing.txt', 2 ** 26 + 1, 0)
    expect(await refusal(Buffer.concat([head, missing]))).toContain('the limit is')
    const sums = encodeHeader('SHA256SUMS', 2 ** 40, 0)
    expect(await refusal(Buffer.concat([head, sums]))).toContain('does not name every entry once')
  })

  test('of a newer format, or without a header, is refused', async () => {
    const bytes = await archive(GOOD)
    const text = bytes.toString('latin1')
    const newer = Buffer.from(text.replace('"format":1', '"format":2'), 'latin1')
    expect(await refusal(newer)).toContain('use functions 1.0.0 or newer')
    for (const [good, bad] of [
      ['"format":1', '"format":0'],
      ['"release":"1.0.0"', '"release":"1.0\\n"'],
    ] as const) {
      const header = Buffer.from(text.replace(good, bad), 'latin1')
      expect(await refusal(header)).toContain('does not begin with a valid')
    }
    expect(await refusal(bytes.subarray(1024))).toContain('not at its place')
    expect(
      await refusal(Buffer.from(text.replace('"format":1', '"forma":12'), 'latin1')),
    ).toContain('does not begin')
    expect(await refusal(Buffer.alloc(5000))).toContain('not a backup')
    expect(await refusal(Buffer.from('PK\x03\x04'.repeat(500)))).toContain('not a backup')
    expect(await refusal(Buffer.alloc(0))).toContain('cut off')
  })
})
