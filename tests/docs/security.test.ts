/** SECURITY.md names a test for each layer: each of them exists, and so does each fuzz target. */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Glob } from 'bun'

const ROOT = resolve(import.meta.dir, '../..')
const document = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')

const cells = (line: string) => line.split('|').map((cell) => cell.trim())

/** The cells below `name` in the table whose first column is `first`. */
function column(first: string, name: string): string[] {
  const lines = document.slice(document.indexOf(`| ${first} |`)).split('\n')
  const end = lines.findIndex((line) => !line.startsWith('|'))
  const at = cells(lines[0] as string).indexOf(name)
  return lines.slice(2, end).map((line) => cells(line)[at] as string)
}

const tests = column('layer', 'proven by')
  .flatMap((cell) => cell.split(/[,\s]+/))
  .filter((word) => /^[a-z]\w*\/[\w/*-]+$/.test(word))

test('each test that SECURITY.md names for a layer exists', () => {
  expect(tests.length).toBeGreaterThan(30)
  const missing = tests.filter((name) => {
    const pattern = name.startsWith('src/') ? `${name}.test.ts` : `tests/${name}.test.ts`
    return [...new Glob(pattern).scanSync(ROOT)].length === 0
  })
  expect(missing).toEqual([])
})

test('each fuzz target that SECURITY.md names exists', () => {
  const targets = column('source of the bytes', 'target').flatMap((cell) => cell.split(', '))
  expect(targets.length).toBeGreaterThan(15)
  const exists = (name: string) =>
    ['.c', '.js'].some((ending) => existsSync(join(ROOT, `fuzz/targets/${name}${ending}`))) ||
    existsSync(join(ROOT, `fuzz/${name}.c`))
  expect(targets.filter((name) => !exists(name))).toEqual([])
})

test('each path in backquotes exists', () => {
  const paths = [...document.matchAll(/`((?:src|tests|guest|scripts|docs)\/[\w./-]+)`/g)]
  const missing = paths.filter(([, path]) => !existsSync(join(ROOT, path as string)))
  expect(missing.map(([, path]) => path)).toEqual([])
})
