import { afterEach, beforeEach, expect, test } from 'bun:test'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../..')
const ARCHIVES = join(ROOT, '.build/archives')
const PATCHES = 'guest/quickjs/patches/quickjs'
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'functions-sources-'))
  const paths = [
    'scripts/fetch-sources.py',
    'scripts/apply-patches.py',
    'third-party',
    'package-lock.json',
    PATCHES,
  ]
  for (const path of paths) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true })
  }
  cpSync(ARCHIVES, join(folder, '.build/archives'), { recursive: true })
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** Runs the script of a project folder, with no package index to ask. */
async function fetchSources(root = folder) {
  const child = Bun.spawn(['python3', join(root, 'scripts/fetch-sources.py')], {
    env: { ...process.env, PIP_NO_INDEX: '1', PIP_FIND_LINKS: '' },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const said = await new Response(child.stderr).text()
  return { status: await child.exited, said }
}

test('with nothing changed it says nothing and asks nobody', async () => {
  expect(await fetchSources(ROOT)).toEqual({ status: 0, said: '' })
})

test('archives that are there already are unpacked without the network, engine changed', async () => {
  expect((await fetchSources()).status).toBe(0)
  const engine = readFileSync(join(folder, '.build/sources/quickjs/quickjs.c'), 'utf8')
  const built = readFileSync(join(ROOT, '.build/sources/quickjs/quickjs.c'), 'utf8')
  expect(engine === built).toBe(true)
  expect(existsSync(join(folder, '.build/sources/libuv/include/uv.h'))).toBe(true)
})

test('an archive with one byte more is not used', async () => {
  const archive = [...new Bun.Glob('quickjs_ng-*.tar.gz').scanSync(ARCHIVES)][0] as string
  appendFileSync(join(folder, '.build/archives', archive), 'x')
  const { status, said } = await fetchSources()
  expect(status).toBe(1)
  expect(said).toContain(
    'pip could not download the archives that third-party/libraries.json names',
  )
  expect(existsSync(join(folder, '.build/sources/quickjs'))).toBe(false)
})

test('an engine that a patch does not fit stops the build, and the patch is named', async () => {
  const patch = join(folder, PATCHES, '0003-interrupt.patch')
  const text = readFileSync(patch, 'utf8')
  writeFileSync(patch, text.replace(' JS_ThrowInternalError(', ' JS_ThrowOtherError('))
  const { status, said } = await fetchSources()
  expect(status).toBe(1)
  expect(said).toMatch(
    /0003-interrupt\.patch: quickjs\.c: @@ .+ @@ does not fit \(line \d+ should be/,
  )
  expect(said).toContain('A patch of guest/quickjs/patches/quickjs does not fit')
  expect(existsSync(join(folder, '.build/sources/quickjs'))).toBe(false)
})

/** Changes one library of the lock. */
function changeLock(name: string, change: (row: Record<string, string>) => void) {
  const path = join(folder, 'third-party/libraries.json')
  const lock = JSON.parse(readFileSync(path, 'utf8'))
  change(lock.libraries[name])
  writeFileSync(path, JSON.stringify(lock))
}

test('a library without a hash is refused', async () => {
  changeLock('yyjson', (row) => delete row.sha256)
  const { status, said } = await fetchSources()
  expect(status).toBe(1)
  expect(said).toBe(
    'third-party/libraries.json: yyjson: the field sha256 is missing or not valid.\n',
  )
})

test('a library that npm carries in another version than the lock says is refused', async () => {
  changeLock('zlib', (row) => {
    row.packageVersion = '9.9.9'
  })
  const { status, said } = await fetchSources()
  expect(status).toBe(1)
  expect(said).toMatch(
    /libraries\.json: zlib: it names @scriptc\/runtime 9\.9\.9, but package-lock\.json has \d/,
  )
})

test('pip gets exactly the archives that are missing, with their hashes', async () => {
  const archive = [...new Bun.Glob('yyjson-*.tar.gz').scanSync(ARCHIVES)][0] as string
  rmSync(join(folder, '.build/archives', archive))
  expect((await fetchSources()).status).toBe(1)
  expect(readFileSync(join(folder, '.build/requirements.txt'), 'utf8')).toMatch(
    /^yyjson==[\d.]+ --hash=sha256:[0-9a-f]{64}\n$/,
  )
})

test('a tool of the lock has a line for pip with a hash for each architecture', async () => {
  const script = join(ROOT, 'scripts/fetch-sources.py')
  const child = Bun.spawn(['python3', script, '--requirement', 'clang-format'])
  expect(await new Response(child.stdout).text()).toMatch(
    /^clang-format==[\d.]+( --hash=sha256:[0-9a-f]{64}){2}\n$/,
  )
})
