import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../..')
const document = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')

test('each fuzz target that SECURITY.md names exists', () => {
  const table = document.slice(document.indexOf('| source of the bytes |')).split('\n\n')[0] ?? ''
  const targets = table
    .split('\n')
    .slice(2)
    .flatMap((row) => row.split('|')[3]?.split(',') ?? [])
    .map((name) => name.trim())
  const exists = (name: string) =>
    [`fuzz/targets/${name}.js`, `fuzz/${name}.c`].some((path) => existsSync(join(ROOT, path)))
  expect(targets.length).toBeGreaterThan(15)
  expect(targets.filter((name) => !exists(name))).toEqual([])
})
