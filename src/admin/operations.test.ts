import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBundle } from '../bundles/build.ts'
import { BundleRemover } from '../bundles/bundle-remover.ts'
import { type Bundle, BundleStore } from '../bundles/bundle-store.ts'
import { findProject } from '../bundles/project.ts'
import { NAMED_PROFILES } from '../capabilities/profiles.ts'
import { loadConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { MetadataStore } from '../metadata/store.ts'
import { startLauncher } from '../service/native-programs.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { openTestDatabase } from '../testing/open-database.ts'
import { OfflineControl } from './offline-control.ts'
import { Operations } from './operations.ts'
import type { RetentionPolicy } from './retention.ts'

const home = mkdtempSync(join(tmpdir(), 'functions-operations-'))
const { config } = loadConfig({ flags: { 'data-dir': join(home, 'programs') }, env: {} })
/** One launcher for all tests, with real workers. */
const control = new OfflineControl(() => startLauncher(config, new ServiceLog(() => {})))

let dir: string
let store: MetadataStore
let operations: Operations
let policy: RetentionPolicy

beforeEach(() => {
  dir = mkdtempSync(join(home, 'data-'))
  store = MetadataStore.open(dir)
  policy = { keep: 0, olderThanMs: 0 }
  operations = new Operations({
    store,
    bundles: new BundleStore(dir),
    remover: new BundleRemover(dir, (...bundle) => store.refersTo(...bundle)),
    control,
    serving: false,
    defaultRuntime: 'bun',
    engine: async (runtime) => `${runtime}/1`,
    installation: () => ({}),
    retention: () => policy,
  })
})

afterEach(() => store.close())

afterAll(async () => {
  await control.close()
  rmSync(home, { recursive: true })
})

async function bundle(text: string): Promise<Bundle> {
  const project = mkdtempSync(join(home, 'project-'))
  writeFileSync(join(project, 'package.json'), '{}')
  const entry = join(project, 'app.ts')
  writeFileSync(entry, text)
  return await buildBundle(findProject(entry), 'quickjs-ng', {
    ...NAMED_PROFILES.strict,
    projectId: 'default',
  })
}

const answer = (text: string) => bundle(`export default () => new Response('${text}')\n`)
const QUICKJS = { runtime: 'quickjs-ng' } as const
const ref = (name: string) => ({ name, project: 'default' })

async function failure(work: Promise<unknown>): Promise<FunctionError> {
  try {
    await work
  } catch (error) {
    if (error instanceof FunctionError) {
      return error
    }
    throw error
  }
  throw new Error('it did not fail')
}

describe('deploy', () => {
  test('counts versions up and keeps each', async () => {
    const first = await operations.deploy(ref('app'), QUICKJS, await answer('1'))
    expect(first).toMatchObject({ function: 'app', version: 'v1', profile: 'strict', live: false })
    const second = await operations.deploy(ref('app'), QUICKJS, await answer('2'))
    expect(second.version).toBe('v2')
    const named = { ...QUICKJS, version: 'v7' }
    await operations.deploy(ref('app'), named, await answer('7'))
    expect((await operations.deploy(ref('app'), QUICKJS, await answer('8'))).version).toBe('v8')
    expect(store.show('app').version).toBe('v8')
    expect(readdirSync(join(dir, 'bundles/func-app')).toSorted()).toEqual([
      '.active',
      'v1',
      'v2',
      'v7',
      'v8',
    ])
    expect(readFileSync(join(dir, 'bundles/func-app/.active'), 'utf8')).toBe('v8')
  })

  test('of the same version with the same content and settings is no change', async () => {
    const settings = { ...QUICKJS, version: 'v1' }
    const first = await operations.deploy(ref('app'), settings, await answer('1'))
    const before = store.show('app')
    expect(await operations.deploy(ref('app'), settings, await answer('1'))).toEqual(first)
    expect(store.show('app')).toEqual(before)
  })

  test('of the same version with any difference is refused', async () => {
    const settings = { ...QUICKJS, version: 'v1' }
    await operations.deploy(ref('app'), settings, await answer('1'))
    const content = await failure(operations.deploy(ref('app'), settings, await answer('2')))
    expect(content.code).toBe('CONFLICT')
    expect(content.message).toContain('content')
    const other = { ...settings, timeoutMs: 5 }
    const changed = await failure(operations.deploy(ref('app'), other, await answer('1')))
    expect(changed.code).toBe('CONFLICT')
    expect(changed.message).toContain('settings')
    expect(store.versions('app')).toHaveLength(1)
  })

  test('of many at once gives each its own version', async () => {
    const bundles = await Promise.all(['a', 'b', 'c', 'd'].map(answer))
    const done = await Promise.all(
      bundles.map((one) => operations.deploy(ref('app'), QUICKJS, one)),
    )
    expect(done.map(({ version }) => version).toSorted()).toEqual(['v1', 'v2', 'v3', 'v4'])
  })

  test('takes the runtime of the service where it names none', async () => {
    const document = await operations.deploy(
      ref('app'),
      { profile: 'permissive' },
      await answer('1'),
    )
    expect(document.runtime).toBe('bun')
    // A Bun worker cannot be without eval.
    const strict = await operations.deploy(ref('other'), {}, await answer('1'))
    expect(strict.runtime).toBe('quickjs-ng')
  })

  for (const runtime of ['quickjs-ng', 'bun'] as const) {
    test(`on ${runtime} refuses what does not load, and nothing changed`, async () => {
      const settings = { runtime, profile: 'permissive' } as const
      const throwing = await bundle(
        'interface A { a: 1 }\n\nthrow new Error("no luck" as string)\n',
      )
      const thrown = await failure(operations.deploy(ref('app'), settings, throwing))
      expect(thrown.code).toBe('BUNDLE_REFUSED')
      expect(thrown.message).toContain('no luck')
      expect(thrown.position).toMatchObject({ file: 'app.ts', line: 3 })
      for (const text of ['export const other = 1', 'export default 42']) {
        const error = await failure(operations.deploy(ref('app'), settings, await bundle(text)))
        expect(error.code).toBe('BUNDLE_REFUSED')
        expect(error.message).toContain('handler')
      }
      expect(store.list()).toEqual([])
      expect(readdirSync(join(dir, 'bundles'))).toEqual(['.staging'])
      expect(readdirSync(join(dir, 'bundles/.staging'))).toEqual([])
    }, 20_000)
  }

  test('refuses a bundle that hangs while it loads', async () => {
    for (const text of ['for (;;);', 'await new Promise(() => {})']) {
      const hanging = await bundle(`${text}\nexport default () => new Response()\n`)
      const error = await failure(operations.deploy(ref('app'), QUICKJS, hanging))
      expect(error.code).toBe('BUNDLE_REFUSED')
    }
    expect(store.list()).toEqual([])
  }, 60_000)
})

describe('deploy of several functions', () => {
  const several = (...list: [name: string, bundle: Bundle, version?: string][]) =>
    operations.deployAll(
      'default',
      list.map(([name, bundle, version]) => ({
        name,
        bundle,
        given: { ...QUICKJS, ...(version !== undefined && { version }) },
      })),
    )
  const active = (name: string) => {
    const found = store.resolve(name)
    return found.found === 'version' ? found.version.version : found.found
  }

  test('activates all of them', async () => {
    await operations.deploy(ref('b'), QUICKJS, await answer('0'))
    const done = await several(['b', await answer('b')], ['a', await answer('a')])
    expect(done.map(({ function: name, version }) => [name, version])).toEqual([
      ['b', 'v2'],
      ['a', 'v1'],
    ])
    expect([active('a'), active('b')]).toEqual(['v1', 'v2'])
  })

  test('changes nothing if one of them does not load, and names it', async () => {
    await operations.deploy(ref('a'), QUICKJS, await answer('0'))
    const throwing = await bundle(`throw new Error('no')`)
    const error = await failure(
      several(['a', await answer('a')], ['b', await answer('b')], ['c', throwing]),
    )
    expect(error.code).toBe('BUNDLE_REFUSED')
    expect(error.message).toStartWith("Function 'c': ")
    expect([active('a'), active('b'), active('c')]).toEqual(['v1', 'nothing', 'nothing'])
    // What was staged is gone.
    expect((await operations.deploy(ref('b'), QUICKJS, await answer('b'))).version).toBe('v1')
  })

  test('changes nothing if a version of one of them exists with other content', async () => {
    await operations.deploy(ref('a'), { ...QUICKJS, version: 'v1' }, await answer('0'))
    const error = await failure(several(['b', await answer('b')], ['a', await answer('a'), 'v1']))
    expect(error.code).toBe('CONFLICT')
    expect(active('b')).toBe('nothing')
    const same = await several(['b', await answer('b')], ['a', await answer('0'), 'v1'])
    expect(same.map(({ version }) => version)).toEqual(['v1', 'v1'])
  })

  test('of overlapping sets at once waits in turn', async () => {
    const one = await answer('1')
    const two = await answer('2')
    const sets: [string, Bundle][][] = [
      [
        ['a', one],
        ['b', one],
        ['c', one],
      ],
      [
        ['c', two],
        ['a', two],
      ],
      [
        ['b', two],
        ['c', two],
      ],
    ]
    await Promise.all(sets.map((list) => several(...list)))
    expect([active('a'), active('b'), active('c')]).toEqual(['v2', 'v2', 'v3'])
  })
})

describe('rollback', () => {
  test('leads back to the version before, or to the one named', async () => {
    for (const text of ['1', '2', '3']) {
      await operations.deploy(ref('app'), QUICKJS, await answer(text))
    }
    expect((await operations.rollback(ref('app'))).version).toBe('v2')
    expect((await operations.rollback(ref('app'), 'v3')).version).toBe('v3')
    expect((await operations.rollback(ref('app'), 'v3')).version).toBe('v3')
    expect((await failure(operations.rollback(ref('app'), 'v9'))).code).toBe('VERSION_NOT_FOUND')
    expect((await failure(operations.rollback(ref('none')))).code).toBe('FUNCTION_NOT_FOUND')
  })

  test('to a version whose bundle changed is refused, and the active one stays', async () => {
    await operations.deploy(ref('app'), QUICKJS, await answer('1'))
    await operations.deploy(ref('app'), QUICKJS, await answer('2'))
    writeFileSync(join(dir, 'bundles/func-app/v1/bundle.js'), 'export default () => evil')
    const error = await failure(operations.rollback(ref('app')))
    expect(error.code).toBe('BUNDLE_REFUSED')
    expect(error.message).toContain('func-app/v1/bundle.js')
    expect(store.show('app').version).toBe('v2')
  })
})

describe('delete', () => {
  test('takes rows and bundles along', async () => {
    await operations.deploy(ref('app'), QUICKJS, await answer('1'))
    await operations.deploy(ref('app'), QUICKJS, await answer('2'))
    await operations.deploy(ref('other'), QUICKJS, await answer('3'))
    await operations.remove(ref('app'))
    expect(store.list().map(({ name }) => name)).toEqual(['other'])
    expect(existsSync(join(dir, 'bundles/func-app'))).toBe(false)
    expect((await failure(operations.remove(ref('app')))).code).toBe('FUNCTION_NOT_FOUND')
    expect((await operations.deploy(ref('app'), QUICKJS, await answer('1'))).version).toBe('v1')
  })
})

describe('garbage collection', () => {
  const versionsOf = (name: string) => store.versions(name).map(({ version }) => version)
  const folders = (name: string) =>
    readdirSync(join(dir, `bundles/func-${name}`)).filter((entry) => entry !== '.active')

  async function deployed(name: string, count: number): Promise<void> {
    for (let n = 1; n <= count; n++) {
      await operations.deploy(ref(name), QUICKJS, await answer(`${name} ${n}`))
    }
  }

  test('keeps the newest versions and what rollbacks return to; bundles go with their rows', async () => {
    await deployed('app', 6)
    await operations.rollback(ref('app'), 'v2')
    const dry = await operations.garbage.collect({ keep: 2, olderThanMs: 0 }, { dryRun: true })
    expect(dry).toMatchObject({ versions: 2, orphans: 0 })
    expect(versionsOf('app')).toHaveLength(6)
    const done = await operations.garbage.collect({ keep: 2, olderThanMs: 0 })
    expect(done.removed.map(({ version }) => version)).toEqual(['v3', 'v4'])
    expect(versionsOf('app')).toEqual(['v6', 'v5', 'v2', 'v1'])
    expect(folders('app').toSorted()).toEqual(['v1', 'v2', 'v5', 'v6'])
    expect(readdirSync(join(dir, 'bundles/.staging'))).toEqual([])
    expect((await operations.rollback(ref('app'))).version).toBe('v1')
    expect((await operations.deploy(ref('app'), QUICKJS, await answer('next'))).version).toBe('v7')
    expect((await operations.garbage.collect({ keep: 0, olderThanMs: 0 })).versions).toBe(0)
  }, 20_000)

  test('follows each deployment where the settings say so', async () => {
    policy = { keep: 2, olderThanMs: 0 }
    await deployed('app', 5)
    await operations.settled()
    expect(versionsOf('app')).toEqual(['v5', 'v4', 'v3'])
    expect(folders('app').toSorted()).toEqual(['v3', 'v4', 'v5'])
  }, 20_000)

  test('deletes bundles without a row, and keeps everything while a backup runs', async () => {
    await deployed('app', 3)
    mkdirSync(join(dir, 'bundles/func-app/v9'))
    mkdirSync(join(dir, 'bundles/func-none/v1'), { recursive: true })
    const release = operations.holdBundles()
    await operations.garbage.collect({ keep: 1, olderThanMs: 0 })
    expect(versionsOf('app')).toEqual(['v3', 'v2'])
    expect(folders('app').toSorted()).toEqual(['v1', 'v2', 'v3', 'v9'])
    await release()
    expect((await operations.garbage.collect({ keep: 1, olderThanMs: 0 })).orphans).toBe(2)
    expect(folders('app').toSorted()).toEqual(['v2', 'v3'])
    expect(existsSync(join(dir, 'bundles/func-none'))).toBe(false)
  }, 20_000)

  test('deletes no version that only the database lacks', async () => {
    await deployed('app', 3)
    await deployed('other', 1)
    const db = openTestDatabase(join(dir, 'metadata.db'))
    db.run('PRAGMA foreign_keys = OFF')
    db.run("DELETE FROM function_versions WHERE function_id = 'func-other' OR version = 'v3'")
    db.close()
    const found = await operations.garbage.collect({ keep: 0, olderThanMs: 0 })
    expect(found).toMatchObject({ orphans: 0, unknown: 2 })
    expect(folders('app').toSorted()).toEqual(['v1', 'v2', 'v3'])
    expect(folders('other')).toEqual(['v1'])
  }, 20_000)

  test('of an unknown function is an error', async () => {
    const collecting = operations.garbage.collect(
      { keep: 1, olderThanMs: 0 },
      { only: ref('none') },
    )
    expect((await failure(collecting)).code).toBe('FUNCTION_NOT_FOUND')
  })
})
