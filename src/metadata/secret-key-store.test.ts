import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namedProfile } from '../capabilities/profiles.ts'
import { FunctionError } from '../errors.ts'
import { SecretKey } from '../secrets/secret-key.ts'
import { MetadataStore } from './store.ts'

let dir: string
let file: string
let store: MetadataStore

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-keys-'))
  file = join(dir, 'secret.key')
  store = MetadataStore.open(dir)
  for (const name of ['app', 'other', 'plain']) {
    store.addVersion({
      project: 'default',
      name,
      version: 'v1',
      runtime: 'quickjs-ng',
      handler: 'default',
      engine: 'test',
      capabilities: namedProfile('strict', 'default'),
      config: { profile: 'strict', exposeErrors: false },
      bundle: { path: `bundles/func-${name}/v1/bundle.js`, sha256: 'a'.repeat(64), size: 1 },
    })
  }
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

function set(name: string, secrets: Record<string, string>): void {
  const given = Object.entries(secrets).map(([key, value]) => ({ name: key, value }))
  const id = `func-${name}`
  const next = store.env.next(id, store.envRevision(id), { secrets: given })
  if (next !== undefined) store.deployEnv(next)
}

function envOf(name: string) {
  const resolution = store.resolve(name)
  if (resolution.found !== 'version') throw new Error(`${name}: ${resolution.found}`)
  return resolution.version.env
}

function reopen(given?: string): void {
  store.close()
  store = MetadataStore.open(dir, { file, given })
  store.keys.repair()
}

function refusal(act: () => unknown): FunctionError {
  try {
    act()
  } catch (error) {
    if (error instanceof FunctionError) return error
  }
  throw new Error('it was not refused')
}

test('a key file is made when the first secret needs it', () => {
  expect(existsSync(file)).toBe(false)
  set('app', { KEY: 'secret' })
  expect(SecretKey.parse(readFileSync(file, 'utf8'))).toBeDefined()
  reopen()
  expect(envOf('app')).toEqual({ KEY: 'secret' })
})

test('a key that is given by the environment needs no file', () => {
  const { text } = SecretKey.generate()
  reopen(text)
  set('app', { KEY: 'secret' })
  expect(existsSync(file)).toBe(false)
  reopen(text)
  expect(envOf('app')).toEqual({ KEY: 'secret' })
  expect(refusal(() => store.keys.rotate(false)).message).toContain('FUNCTIONS_SECRET_KEY')
  reopen(SecretKey.generate().text)
  expect(refusal(() => envOf('app')).code).toBe('SECRETS_UNAVAILABLE')
  reopen('not a key')
  expect(refusal(() => store.keys.current()).message).toContain('is not a key')
})

describe('without the key', () => {
  const losses: [string, () => void, string][] = [
    ['missing', () => rmSync(file), 'is missing'],
    ['another one', () => writeFileSync(file, SecretKey.generate().text), 'has another key'],
    ['damaged', () => writeFileSync(file, 'x'), 'has no key for secrets'],
    ['open to others', () => chmodSync(file, 0o644), 'chmod 600'],
  ]
  for (const [what, lose, why] of losses) {
    test(`${what}: functions with secrets are refused, others are not`, () => {
      set('app', { KEY: 'secret' })
      lose()
      reopen()
      const { code, message } = refusal(() => envOf('app'))
      expect(code).toBe('SECRETS_UNAVAILABLE')
      expect(message).toContain("Function 'app'")
      expect(message).toContain('secrets.key_file')
      expect(message).not.toContain(dir)
      expect(refusal(() => store.keys.current()).message).toContain(why)
      expect(envOf('plain')).toEqual({})
      expect(store.env.unreadable(10)).toEqual([{ project: 'default', name: 'app' }])
      // Nothing is changed that the key would be needed for.
      expect(refusal(() => set('other', { KEY: 'x' })).code).toBe('SECRETS_UNAVAILABLE')
      expect(refusal(() => set('app', { NEW: 'x' })).code).toBe('SECRETS_UNAVAILABLE')
      expect(refusal(() => store.keys.rotate(false)).code).toBe('SECRETS_UNAVAILABLE')
    })
  }

  test('that comes back, everything is served again', async () => {
    set('app', { KEY: 'secret' })
    renameSync(file, `${file}.away`)
    reopen()
    expect(refusal(() => envOf('app')).code).toBe('SECRETS_UNAVAILABLE')
    renameSync(`${file}.away`, file)
    await Bun.sleep(1100)
    expect(envOf('app')).toEqual({ KEY: 'secret' })
  })

  test('a function is served again once all its secrets are removed', () => {
    set('app', { KEY: 'secret' })
    rmSync(file)
    reopen()
    const unset = [{ name: 'KEY', kind: 'secret' as const }]
    const next = store.env.next('func-app', 1, { unset })
    if (next !== undefined) store.deployEnv(next)
    expect(envOf('app')).toEqual({})
  })

  test('a new key can be made, and lost secrets are set again one by one', () => {
    set('app', { ONE: 'secret 1', TWO: 'secret 2' })
    set('other', { KEY: 'secret' })
    writeFileSync(file, SecretKey.generate().text)
    reopen()
    expect(store.keys.rotate(true)).toMatchObject({ secrets: 0, unreadable: 3 })
    expect(readdirSync(dir).filter((name) => name.includes('set-aside'))).toHaveLength(1)
    set('app', { ONE: 'new 1' })
    expect(refusal(() => envOf('app')).message).toContain('set them again')
    expect(store.env.unreadable(10).map(({ name }) => name)).toEqual(['app', 'other'])
    set('app', { TWO: 'new 2' })
    reopen()
    expect(envOf('app')).toEqual({ ONE: 'new 1', TWO: 'new 2' })
    expect(store.env.unreadable(10).map(({ name }) => name)).toEqual(['other'])
  })
})

describe('a rotation', () => {
  test('encrypts all revisions of all functions again', () => {
    set('app', { KEY: 'secret 1' })
    set('app', { KEY: 'secret 2' })
    set('other', { KEY: 'secret 3' })
    const before = readFileSync(file, 'utf8')
    expect(store.keys.rotate(false)).toMatchObject({ secrets: 3, unreadable: 0 })
    expect(readFileSync(file, 'utf8')).not.toBe(before)
    expect(readdirSync(dir).filter((name) => name.startsWith('secret.key'))).toEqual(['secret.key'])
    reopen()
    expect(envOf('app')).toEqual({ KEY: 'secret 2' })
    expect(envOf('other')).toEqual({ KEY: 'secret 3' })
    store.rollback(store.rollbackTarget('app'))
    expect(envOf('app')).toEqual({ KEY: 'secret 1' })
  })

  test('of many secrets', () => {
    const secrets = Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`S${at}`, `${at}`]))
    set('app', secrets)
    set('other', secrets)
    expect(store.keys.rotate(false)).toMatchObject({ secrets: 1200, unreadable: 0 })
    reopen()
    expect(envOf('app')).toEqual(secrets)
    expect(envOf('other')).toEqual(secrets)
  })

  // Each step as the method of which class does it, and whether the process dies before or after it.
  const steps = [
    ['KeyFile', 'stage', 'before'],
    ['KeyFile', 'stage', 'after'],
    ['SecretKey', 'seal', 'before'],
    ['SecretKey', 'seal', 'after'],
    ['KeyFile', 'promoteNext', 'before'],
    ['KeyFile', 'promoteNext', 'after'],
  ] as const
  for (const [owner, method, when] of steps) {
    test(`that is killed ${when} ${method} leaves every secret readable`, async () => {
      set('app', { A: 'secret 1', B: 'secret 2' })
      set('other', { KEY: 'secret 3' })
      store.close()
      const script = `
        import { MetadataStore } from '${import.meta.dir}/store.ts'
        import { KeyFile } from '${import.meta.dir}/../secrets/key-file.ts'
        import { SecretKey } from '${import.meta.dir}/../secrets/secret-key.ts'
        const { prototype } = { KeyFile, SecretKey }['${owner}']
        const original = prototype['${method}']
        let calls = 0
        const die = () => { process.kill(process.pid, 'SIGKILL'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10000) }
        prototype['${method}'] = function (...args) {
          // In the middle of the transaction, where there are several calls.
          const now = ++calls === ('${method}' === 'seal' ? 2 : 1)
          if (now && '${when}' === 'before') die()
          const result = original.apply(this, args)
          if (now) die()
          return result
        }
        const store = MetadataStore.open('${dir}')
        store.keys.repair()
        store.keys.rotate(false)
        console.log('not killed')`
      const child = Bun.spawn([process.execPath, '-e', script], { stderr: 'inherit' })
      expect(await child.exited).toBe(137)
      expect(await child.stdout.text()).toBe('')
      for (let start = 0; start < 2; start++) {
        reopen()
        expect(envOf('app')).toEqual({ A: 'secret 1', B: 'secret 2' })
        expect(envOf('other')).toEqual({ KEY: 'secret 3' })
        const files = readdirSync(dir).filter((name) => name.startsWith('secret.key'))
        expect(files).toEqual(['secret.key'])
      }
      expect(store.keys.rotate(false)).toMatchObject({ secrets: 3, unreadable: 0 })
      expect(envOf('app')).toEqual({ A: 'secret 1', B: 'secret 2' })
    })
  }
})
