/** The patches of the engine apply to the pinned source exactly, or not at all. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { at, startCases } from './cases.ts'
import { startZygote } from './harness.ts'

const ROOT = join(import.meta.dir, '../..')
const APPLY = join(ROOT, 'scripts/apply-patches.py')
const PATCHES = join(ROOT, 'guest/quickjs/patches')
const ENGINE = join(PATCHES, 'quickjs')
const PATCHED = join(ROOT, '.build/sources/quickjs')
const FILES = ['quickjs.c', 'quickjs.h', 'cutils.h', 'libregexp.c']

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'functions-patch-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

function apply(...args: string[]) {
  const command = ['python3', '-B', APPLY, ...args]
  const { exitCode, stderr } = Bun.spawnSync(command, { stderr: 'pipe' })
  return { exitCode, stderr: stderr.toString() }
}

/** Every patch of every folder: its path in `guest/quickjs/patches`, and its text. */
function allPatches() {
  return [...new Bun.Glob('*/*.patch').scanSync(PATCHES)].sort().map((path) => {
    return { path, text: readFileSync(join(PATCHES, path), 'utf8') }
  })
}

test('the built sources carry every patch', () => {
  const source = FILES.map((name) => readFileSync(join(PATCHED, name), 'utf8')).join('')
  expect(source).toContain('js_enqueue_job(ctx, rd->async_context')
  expect(source).toContain('#define JS_ARENA_SIZE              4080')
  const declared = new Set<string>()
  for (const name of readdirSync(ENGINE).sort()) {
    const text = readFileSync(join(ENGINE, name), 'utf8')
    for (const [, sign, found] of text.matchAll(/^([-+])JS_EXTERN .*\b(JS_\w+)\(/gm)) {
      if (sign === '+') declared.add(found as string)
      else declared.delete(found as string)
    }
  }
  expect(declared.size).toBeGreaterThan(15)
  for (const name of declared) expect(source).toContain(`${name}(`)
})

test('a source that moved is named and left alone', () => {
  for (const name of FILES) cpSync(join(PATCHED, name), join(directory, name))
  const before = readFileSync(join(directory, 'quickjs.h'))
  const { exitCode, stderr } = apply(ENGINE, directory)
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(
    /^apply-patches: 0001-async-context\.patch: quickjs\.c: @@ .+ @@ does not fit \(line \d+ should be '.*', it is '.*'\)\n$/,
  )
  expect(readFileSync(join(directory, 'quickjs.h')).equals(before)).toBe(true)
})

test('an empty source is no source', () => {
  for (const name of ['quickjs.c', 'quickjs.h']) writeFileSync(join(directory, name), '')
  const { exitCode, stderr } = apply(ENGINE, directory)
  expect(exitCode).toBe(1)
  expect(stderr).toContain('apply-patches: 0001-async-context.patch: quickjs.c: @@ ')
  expect(apply().exitCode).toBe(2)
})

test('each patch says why, what it adds, where upstream stands, and which test covers it', () => {
  const patches = allPatches()
  expect(patches.length).toBeGreaterThan(20)
  for (const { path, text } of patches) {
    const [header = ''] = text.split('\n---\n')
    for (const field of ['Subject', 'Why', 'Adds', 'Upstream', 'Test']) {
      expect(`${path}: ${header}`).toMatch(new RegExp(`^.*${field}: \\S`, 'm'))
    }
    for (const [, file = '', title = ''] of header.matchAll(/^Test: (\S+): (.+)$/gm)) {
      const source = readFileSync(join(ROOT, file), 'utf8').replaceAll("\\'", "'")
      expect(`${path}: ${source.includes(title)} ${title}`).toBe(`${path}: true ${title}`)
    }
  }
})

test('docs/engine-patches.md has a row for each patch', () => {
  const page = readFileSync(join(ROOT, 'docs/engine-patches.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([\w-]+\/[\w-]+\.patch)` \|/gm)].map(([, path]) => path)
  expect(rows.toSorted()).toEqual(allPatches().map(({ path }) => path))
})

test('the v flag forbids double punctuators inside of a class only', async () => {
  const zygote = await startZygote()
  const worker = await startCases(zygote, {
    classes: `() => {
      const outside = [/a--b/v.test('a--b'), /a&&b/v.test('a&&b'), /a-b/v.test('a-b')]
      let inside = 'accepted'
      try { new RegExp('[a&&&b]', 'v') } catch (error) { inside = error.name }
      return Response.json([...outside, inside])
    }`,
  })
  expect(JSON.parse((await worker.invoke(at('classes'))).text)).toEqual([
    true,
    true,
    true,
    'SyntaxError',
  ])
  worker.close()
  zygote.close()
})

test('names in a module of many variables are found as in a small one', async () => {
  const zygote = await startZygote()
  const names = Array.from({ length: 3000 }, (_, i) => `name${i}`)
  const worker = await startCases(
    zygote,
    {
      sum: `() => Response.json([${names.join(' + ')}, sumOf(), shadow(7), counter(), counter()])`,
      constant: `() => { try { name5 = 1 } catch (error) { return new Response(error.message) } }`,
      missing: `() => { try { name3000 } catch (error) { return new Response(error.message) } }`,
      global: `() => Response.json([typeof name3000, Math.max(name1, name2), (() => (() => name2999)())()])`,
    },
    `${names.map((name, i) => `const ${name} = ${i}`).join('\n')}
     let calls = 0
     function counter() { return ++calls }
     function sumOf() { return name0 + name2999 }
     function shadow(name5) { const name6 = 2; return name5 + name6 + name7 }`,
  )
  const text = async (name: string) => (await worker.invoke(at(name))).text
  expect(JSON.parse(await text('sum'))).toEqual([4498500, 2999, 16, 1, 2])
  expect(await text('constant')).toBe('Assignment to constant variable.')
  expect(await text('missing')).toBe('name3000 is not defined')
  expect(JSON.parse(await text('global'))).toEqual(['undefined', 2, 2999])
  worker.close()
  zygote.close()
})
