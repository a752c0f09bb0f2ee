import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')

const rows = readFileSync(join(ROOT, 'scripts/test-rooms.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' '))

/** The folders directly below each parent. */
function foldersIn(...parents: string[]): string[] {
  return parents.flatMap((parent) =>
    readdirSync(join(ROOT, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${parent}/${entry.name}`),
  )
}

test('every room has one row, and no row names a folder that does not exist', () => {
  const rooms = foldersIn('src', 'guest', 'guest/quickjs', 'guest/quickjs/web', 'native')
    .filter((room) => room !== 'guest/quickjs')
    .sort()
  const named = rows.map(([room]) => room ?? '').sort()
  expect(named.filter((room, i) => named[i - 1] === room)).toEqual([])
  expect(rooms.filter((room) => !named.includes(room))).toEqual([])
  expect(named.filter((room) => !existsSync(join(ROOT, room)))).toEqual([])
})

test('every test of the worker belongs to a room', () => {
  const named = rows.flatMap(([, ...tests]) => tests)
  const files = ['tests/worker', 'tests/web'].flatMap((folder) =>
    [...new Bun.Glob('*.test.ts').scanSync(join(ROOT, folder))].map((name) => `${folder}/${name}`),
  )
  expect(files.filter((file) => !named.includes(file))).toEqual([])
})

test('every test that a row names exists', () => {
  for (const [room = '', ...tests] of rows) {
    expect(tests, room).not.toEqual([])
    for (const path of tests) {
      expect(existsSync(join(ROOT, path === '.' ? room : path)), `${room}: ${path}`).toBe(true)
    }
  }
})
