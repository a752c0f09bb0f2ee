import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OfflineControl } from '../admin/offline-control.ts'
import { Operations } from '../admin/operations.ts'
import { BundleRemover } from '../bundles/bundle-remover.ts'
import { BundleStore } from '../bundles/bundle-store.ts'
import { parseManifest } from '../bundles/version-manifest.ts'
import { MetadataStore } from '../metadata/store.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { addFunctions } from '../testing/data-dir-fixture.ts'
import { eventually } from '../testing/eventually.ts'
import { Housekeeping } from './housekeeping.ts'

let dataDir: string
let store: MetadataStore
let remover: BundleRemover
let housekeeping: Housekeeping

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'functions-housekeeping-'))
  addFunctions(dataDir, ['app'], 3)
  store = MetadataStore.open(dataDir)
  remover = new BundleRemover(dataDir, (...bundle) => store.refersTo(...bundle))
  const policy = () => ({ keep: 0, olderThanMs: 0 })
  const operations = new Operations({
    store,
    bundles: new BundleStore(dataDir),
    remover,
    control: new OfflineControl(() => Promise.reject(new Error('no worker is needed'))),
    serving: true,
    defaultRuntime: 'bun',
    engine: async (runtime) => runtime,
    installation: () => ({}),
    retention: policy,
  })
  const log = new ServiceLog(() => {})
  housekeeping = new Housekeeping({
    dataDir,
    store,
    remover,
    operations,
    log,
    policy,
    auditRetention: () => 86_400_000,
  })
})

afterEach(async () => {
  await housekeeping.stop()
  store.close()
  rmSync(dataDir, { recursive: true })
})

const at = (path: string) => join(dataDir, path)

test('the versions of an earlier release get their manifests, once', async () => {
  rmSync(at('bundles/func-app/v1/version.json'))
  rmSync(at('bundles/func-app/v2'), { recursive: true })
  mkdirSync(at('bundles/.new-left'))
  housekeeping.start()
  await eventually('every version has a manifest', () => existsSync(at('bundles/.manifests')))
  const manifest = parseManifest(readFileSync(at('bundles/func-app/v1/version.json'), 'utf8'))
  expect(manifest).toMatchObject({ function: 'app', version: 'v1', runtime: 'quickjs-ng' })
  expect(manifest?.sha256).toBe(store.findVersion('func-app', 'v1')?.bundle.sha256 ?? '')
  expect(existsSync(at('bundles/func-app/v2'))).toBe(false)
  expect(existsSync(at('bundles/.new-left'))).toBe(false)
})

test('a backup holds the bundles until it disconnects, or until the service stops', async () => {
  const abort = new AbortController()
  const request = () => new Request('http://functions/v1/hold', { signal: abort.signal })
  const document = { dataDir, settings: {} }
  const held = () => existsSync(at('bundles/func-app/v1'))
  const first = housekeeping.hold(request(), document).body?.getReader()
  expect(new TextDecoder().decode((await first?.read())?.value)).toBe(
    `${JSON.stringify(document)}\n`,
  )
  const second = housekeeping.hold(new Request('http://functions/v1/hold'), document)
  const removal = await remover.plan(['bundles/func-app'])
  store.remove('app')
  await removal.finish()
  abort.abort()
  expect(held()).toBe(true)
  await housekeeping.stop()
  expect(held()).toBe(false)
  // The client sees that its hold ended.
  expect(await second.text()).toBe(`${JSON.stringify(document)}\n`)
})
