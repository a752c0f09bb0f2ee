import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BundleRecord } from '../metadata/records.ts'
import { type Bundle, BundleStore } from './bundle-store.ts'

let dir: string
let store: BundleStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-bundles-'))
  store = new BundleStore(dir)
})

afterEach(() => rmSync(dir, { recursive: true }))

const bytes = (text: string) => new TextEncoder().encode(text)
const bundle = (code: string): Bundle => ({ code: bytes(code), map: bytes('{}') })

/** One that throws at once rejects too. */
const load = async (record: BundleRecord) => await store.load(record)

async function keep(name: string, version: string, code = name) {
  const staged = await store.stage(`func-${name}`, version, bundle(code))
  await staged.commit()
  return staged.record
}

describe('a bundle', () => {
  test('lies at its documented place with its map, and loads as it was', async () => {
    const record = await keep('app', 'v1', 'code')
    expect(record.path).toBe('bundles/func-app/v1/bundle.js')
    expect(record.size).toBe(4)
    expect(readdirSync(join(dir, 'bundles/func-app/v1')).toSorted()).toEqual([
      'bundle.js',
      'bundle.js.map',
    ])
    expect(new TextDecoder().decode(await store.load(record))).toBe('code')
  })

  test('has no name before it is committed, and leaves nothing when discarded', async () => {
    const staged = await store.stage('func-app', 'v1', bundle('code'))
    expect(existsSync(join(dir, 'bundles/func-app'))).toBe(false)
    await staged.discard()
    expect(readdirSync(join(dir, 'bundles'))).toEqual([])
  })

  test('whose file changed or is gone fails with its name', async () => {
    const record = await keep('app', 'v1', 'code')
    writeFileSync(join(dir, record.path), 'evil')
    await expect(load(record)).rejects.toMatchObject({ code: 'BUNDLE_LOAD_ERROR' })
    rmSync(join(dir, record.path))
    await expect(load(record)).rejects.toThrow('bundles/func-app/v1/bundle.js')
  })

  test('replaces what a deployment that was cut off left under its name', async () => {
    await keep('app', 'v1', 'left')
    const record = await keep('app', 'v1', 'new')
    expect(new TextDecoder().decode(await store.load(record))).toBe('new')
  })

  test('takes its function’s folder along when it is the last to go', async () => {
    const [one, two] = [await keep('app', 'v1'), await keep('app', 'v2')]
    await store.removeVersion(one)
    expect(readdirSync(join(dir, 'bundles/func-app'))).toEqual(['v2'])
    await store.removeVersion(two)
    expect(readdirSync(join(dir, 'bundles'))).toEqual([])
  })

  test('that cannot be written is one sentence', async () => {
    writeFileSync(join(dir, 'bundles'), 'a file')
    const staging = store.stage('func-app', 'v1', bundle('code'))
    await expect(staging).rejects.toMatchObject({ code: 'STORAGE_UNUSABLE' })
  })
})

describe('a sweep', () => {
  test('deletes what no version names, and nothing else', async () => {
    const known = await keep('app', 'v1')
    await keep('app', 'v2')
    await keep('gone', 'v1')
    await store.stage('func-app', 'v3', bundle('staged'))
    mkdirSync(join(dir, 'bundles/somebody-elses'))
    await store.sweep(new Set([known.path]))
    expect(readdirSync(join(dir, 'bundles')).toSorted()).toEqual(['func-app', 'somebody-elses'])
    expect(readdirSync(join(dir, 'bundles/func-app'))).toEqual(['v1'])
  })

  test('of a data directory without bundles is nothing', async () => {
    await store.sweep(new Set())
    expect(readdirSync(dir)).toEqual([])
  })
})
