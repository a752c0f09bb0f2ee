/** The changes to the engine apply to the pinned source exactly, or not at all. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const APPLY = join(import.meta.dir, '../../guest/quickjs/patches/apply.py')
const PATCHED = join(import.meta.dir, '../../.build/sources/quickjs')

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'functions-patch-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

function apply(...args: string[]) {
  const { exitCode, stderr } = Bun.spawnSync(['python3', APPLY, ...args], { stderr: 'pipe' })
  return { exitCode, stderr: stderr.toString() }
}

test('the built sources carry them', () => {
  expect(readFileSync(join(PATCHED, 'quickjs.h'), 'utf8')).toContain('JS_GetAsyncContext')
  const source = readFileSync(join(PATCHED, 'quickjs.c'), 'utf8')
  expect(source).toContain('js_enqueue_job(ctx, rd->async_context')
  expect(source).toContain('int JS_DefineLazyProperty(')
})

test('a source that moved is named and left alone', () => {
  for (const name of ['quickjs.c', 'quickjs.h', 'cutils.h'])
    cpSync(join(PATCHED, name), join(directory, name))
  const before = readFileSync(join(directory, 'quickjs.c'))
  const { exitCode, stderr } = apply(directory)
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^engine-patch: '.+' occurs \d+ times in (?:quickjs|cutils)\.[ch]\n$/)
  expect(readFileSync(join(directory, 'quickjs.c')).equals(before)).toBe(true)
})

test('an empty source is no source', () => {
  for (const name of ['quickjs.c', 'quickjs.h']) writeFileSync(join(directory, name), '')
  expect(apply(directory)).toEqual({
    exitCode: 1,
    stderr: "engine-patch: 'api' occurs 0 times in quickjs.h\n",
  })
  expect(apply().exitCode).toBe(2)
})
