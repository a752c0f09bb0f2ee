import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { namedProfile } from '../capabilities/profiles.ts'
import type { BundleRecord } from '../metadata/records.ts'
import { BundleRemover } from './bundle-remover.ts'
import { type Bundle, BundleStore, type UnstoredVersion } from './bundle-store.ts'
import { bundleOwner } from './files.ts'
import { parseManifest } from './version-manifest.ts'

let dir: string
let store: BundleStore
let remover: BundleRemover
/** Bundle paths that the database refers to. */
let rows: Set<string>

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-bundles-'))
  store = new BundleStore(dir)
  rows = new Set()
  remover = new BundleRemover(dir, (_id, _version, path) => rows.has(path))
})

afterEach(() => rmSync(dir, { recursive: true }))

const bytes = (text: string) => new TextEncoder().encode(text)
const bundle = (code: string): Bundle => ({ code: bytes(code), map: bytes('{}') })

const unstored = (name: string, version: string): UnstoredVersion => ({
  project: 'default',
  name,
  version,
  runtime: 'quickjs-ng',
  handler: 'default',
  capabilities: namedProfile('strict', 'default'),
  config: { profile: 'strict', exposeErrors: false },
  engine: 'quickjs-ng/1',
})

/** One that throws at once rejects too. */
const load = async (record: BundleRecord) => await store.load(record)

/** What a deployment does up to its row. */
async function commit(name: string, version: string, code = name) {
  const staged = await store.stage(unstored(name, version), bundle(code))
  await staged.commit()
  return staged
}

async function keep(name: string, version: string, code = name) {
  const staged = await commit(name, version, code)
  rows.add(staged.version.bundle.path)
  await staged.settle()
  return staged.version.bundle
}

const versionsOf = (name: string) => readdirSync(join(dir, `bundles/func-${name}`)).toSorted()
const intents = () => readdirSync(join(dir, 'bundles/.staging'))

describe('a bundle', () => {
  test('lies at its documented place with its map and manifest, and loads as it was', async () => {
    const record = await keep('app', 'v1', 'code')
    expect(record.path).toBe('bundles/func-app/v1/bundle.js')
    expect(record.size).toBe(4)
    const directory = join(dir, 'bundles/func-app/v1')
    const names = ['bundle.js', 'bundle.js.map', 'version.json']
    expect(readdirSync(directory).toSorted()).toEqual(names)
    expect(new TextDecoder().decode(await store.load(record))).toBe('code')
    const { name, ...settings } = unstored('app', 'v1')
    const manifest = parseManifest(readFileSync(join(directory, 'version.json'), 'utf8'))
    expect(manifest).toMatchObject({
      ...settings,
      function: name,
      sha256: record.sha256,
      size: 4,
    })
    expect(intents()).toEqual([])
  })

  test('has no name before it is committed, and leaves nothing when discarded', async () => {
    for (const committed of [false, true]) {
      const staged = await store.stage(unstored('app', 'v1'), bundle('code'))
      expect(existsSync(join(dir, 'bundles/func-app'))).toBe(false)
      if (committed) await staged.commit()
      await staged.discard()
      expect(existsSync(join(dir, 'bundles/func-app/v1'))).toBe(false)
      expect(intents()).toEqual([])
      rmSync(join(dir, 'bundles'), { recursive: true })
    }
  })

  test('whose file changed or is gone fails with its name', async () => {
    const record = await keep('app', 'v1', 'code')
    writeFileSync(join(dir, record.path), 'evil')
    await expect(load(record)).rejects.toMatchObject({ code: 'BUNDLE_LOAD_ERROR' })
    rmSync(join(dir, record.path))
    await expect(load(record)).rejects.toThrow('bundles/func-app/v1/bundle.js')
  })

  test('never replaces a directory: its own gets a suffix', async () => {
    const first = await keep('app', 'v1', 'left')
    const second = await keep('app', 'v1', 'new')
    expect(second.path).toMatch(/^bundles\/func-app\/v1~[0-9a-f]{8}\/bundle\.js$/)
    expect(bundleOwner(dirname(second.path))).toEqual({ functionId: 'func-app', version: 'v1' })
    expect(new TextDecoder().decode(await store.load(first))).toBe('left')
    expect(new TextDecoder().decode(await store.load(second))).toBe('new')
  })

  test('that cannot be written is one sentence', async () => {
    writeFileSync(join(dir, 'bundles'), 'a file')
    const staging = store.stage(unstored('app', 'v1'), bundle('code'))
    await expect(staging).rejects.toMatchObject({ code: 'STORAGE_UNUSABLE' })
  })
})

describe('a recovery', () => {
  test('deletes what a change left behind, at whichever step it was cut off', async () => {
    await keep('app', 'v1')
    await store.stage(unstored('app', 'v2'), bundle('staged'))
    await commit('app', 'v3')
    const recorded = await commit('app', 'v4')
    rows.add(recorded.version.bundle.path)
    const gone = await keep('gone', 'v1')
    await remover.plan(['bundles/func-gone'])
    rows.delete(gone.path)
    const still = await keep('still', 'v1')
    await remover.plan(['bundles/func-still'])
    expect(rows.has(still.path)).toBe(true)
    mkdirSync(join(dir, 'bundles/somebody-elses'))
    await remover.recover()
    expect(versionsOf('app')).toEqual(['v1', 'v4'])
    expect(versionsOf('still')).toEqual(['v1'])
    expect(readdirSync(join(dir, 'bundles')).toSorted()).toEqual([
      '.staging',
      'func-app',
      'func-still',
      'somebody-elses',
    ])
    expect(intents()).toEqual([])
  })

  test('looks at no bundle that no intent names', async () => {
    await keep('app', 'v1')
    mkdirSync(join(dir, 'bundles/func-app/v9'))
    await remover.recover()
    expect(versionsOf('app')).toEqual(['v1', 'v9'])
  })

  test('of a data directory without bundles is nothing', async () => {
    await remover.recover()
    expect(readdirSync(dir)).toEqual([])
  })

  test('deletes nothing outside of the bundles, whatever an intent says', async () => {
    mkdirSync(join(dir, 'victim/v1'), { recursive: true })
    mkdirSync(join(dir, 'bundles/.staging'), { recursive: true })
    const paths = [
      'victim/v1',
      'bundles/../victim',
      'bundles/func-a/../../victim',
      'bundles/func-a/..',
      'bundles',
      'bundles/.staging',
      '/etc',
      '',
    ]
    const texts = [JSON.stringify({ directories: paths }), '{', 'null', '{"directories":[1]}', '']
    for (const [at, text] of texts.entries()) {
      mkdirSync(join(dir, `bundles/.staging/${at}`))
      writeFileSync(join(dir, `bundles/.staging/${at}/intent.json`), text)
    }
    await remover.recover()
    expect(existsSync(join(dir, 'victim/v1'))).toBe(true)
    expect(intents()).toEqual([])
  })
})

describe('a removal', () => {
  test('waits for the end of every backup, and a new bundle replaces nothing meanwhile', async () => {
    const record = await keep('app', 'v1', 'old')
    const [first, second] = [remover.hold(), remover.hold()]
    const removal = await remover.plan(['bundles/func-app'])
    rows.delete(record.path)
    await removal.finish()
    const next = await keep('app', 'v1', 'new')
    await first()
    await first()
    expect(new TextDecoder().decode(await store.load(record))).toBe('old')
    await second()
    expect(existsSync(join(dir, dirname(record.path)))).toBe(false)
    expect(new TextDecoder().decode(await store.load(next))).toBe('new')
    expect(intents()).toEqual([])
  })

  test('that has begun is not forgotten when a backup begins meanwhile', async () => {
    const record = await keep('app', 'v1')
    const removal = await remover.plan(['bundles/func-app'])
    rows.delete(record.path)
    const finished = removal.finish()
    const release = remover.hold()
    await finished
    await release()
    expect(existsSync(join(dir, 'bundles/func-app'))).toBe(false)
    expect(intents()).toEqual([])
  })

  test('takes the directory of the function along with its last version', async () => {
    const one = await keep('app', 'v1')
    const two = await keep('app', 'v2')
    await store.noteActive('func-app', 'v2')
    for (const [record, left] of [
      [one, ['.active', 'v2']],
      [two, undefined],
    ] as const) {
      const removal = await remover.plan([dirname(record.path)])
      rows.delete(record.path)
      await removal.finish()
      expect(existsSync(join(dir, 'bundles/func-app')) ? versionsOf('app') : undefined).toEqual(
        left as string[] | undefined,
      )
    }
  })

  test('follows no symbolic link', async () => {
    mkdirSync(join(dir, 'victim/v1'), { recursive: true })
    await keep('app', 'v1')
    symlinkSync(join(dir, 'victim'), join(dir, 'bundles/func-link'))
    symlinkSync(join(dir, 'victim/v1'), join(dir, 'bundles/func-app/v7'))
    for (const id of await remover.functionIds()) await remover.sweepFunction(id)
    expect(existsSync(join(dir, 'victim/v1'))).toBe(true)
    expect(versionsOf('app')).toContain('v1')
  })
})

test('a bundle that is a pipe, a folder, a device, or larger than it was is refused at once', async () => {
  const small = await keep('app', 'v1', 'code')
  const large = await keep('app', 'v2', 'x'.repeat(300_000))
  for (const record of [small, large]) {
    const path = join(dir, record.path)
    const refused = async (why: RegExp) => {
      const error = await load(record).then(
        () => undefined,
        (cause: Error) => cause,
      )
      expect(error?.message).toMatch(why)
      rmSync(path, { recursive: true })
    }
    Bun.spawnSync(['truncate', '-s', '5G', path])
    await refused(/was changed after it was deployed/)
    Bun.spawnSync(['mkfifo', path])
    await refused(/cannot be read \(it is not a regular file\)/)
    mkdirSync(path)
    await refused(/cannot be read \(it is not a regular file\)/)
    symlinkSync('/dev/zero', path)
    await refused(/cannot be read \(it is not a regular file\)/)
    symlinkSync('bundle.js', path)
    await refused(/cannot be read \(ELOOP\)/)
  }
})
