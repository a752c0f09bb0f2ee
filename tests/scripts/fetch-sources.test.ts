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
  const paths = ['scripts/fetch-sources.py', 'scripts/apply-patches.py', 'third-party', PATCHES]
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
  expect(said).toContain('pip could not download what third-party/requirements.txt pins')
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
  expect(said).toContain('a patch of guest/quickjs/patches/quickjs does not fit')
  expect(existsSync(join(folder, '.build/sources/quickjs'))).toBe(false)
})

test('a lock line without a hash is refused', async () => {
  appendFileSync(join(folder, 'third-party/requirements.txt'), 'yyjson==4.0.6\n')
  const { status, said } = await fetchSources()
  expect(status).toBe(1)
  expect(said).toContain('cannot read the line: yyjson==4.0.6')
})
