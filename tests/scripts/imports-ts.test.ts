import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/**
 * The layers of the TypeScript code, read from its `import`s, types included. A room is a folder; a
 * file at the top of `src` is a room of its own, and so is the border between the pool and the
 * workers, src/worker/worker.ts. A file may import its own room and the rooms of later rows.
 */
const BORDER = 'src/worker/worker.ts'
const LAYERS = [
  ['src/testing'],
  ['src/main.ts'],
  ['src/cli'],
  ['src/service'],
  ['src/gateway', 'src/admin'],
  ['src/router'],
  ['src/pool'],
  ['src/worker'],
  ['guest/bun', 'src/worker/session'],
  ['src/worker/process'],
  ['src/worker/sandbox'],
  ['src/worker/protocol'],
  [BORDER],
  ['src/maintenance'],
  ['src/egress', 'src/telemetry', 'src/bundles', 'src/config'],
  ['src/bundles/bundler', 'src/metadata', 'src/limits'],
  ['src/capabilities', 'src/secrets'],
  ['src/lib'],
  ['src/errors.ts', 'src/units.ts', 'src/release.ts'],
  ['src/types', 'guest/node'],
  ['guest/node/fs', 'guest/node/crypto'],
  ['guest/node/internal'],
]

/** Rooms that import fewer others than their layer allows. */
const ONLY: Record<string, string[]> = {
  // It is hostile code: it shares the protocol with the host, and the small helpers of both.
  'guest/bun': ['src/worker/protocol', BORDER, 'src/lib'],
  'guest/node': ['guest/node/fs', 'guest/node/crypto', 'guest/node/internal'],
  'guest/node/crypto': ['guest/node/internal'],
  'guest/node/fs': ['guest/node/internal'],
  'guest/node/internal': [],
  'src/worker/protocol': [BORDER, 'src/lib', 'src/errors.ts'],
  'src/pool': [BORDER, 'src/lib', 'src/errors.ts'],
  [BORDER]: ['src/capabilities', 'src/secrets', 'src/errors.ts'],
}

/** Rooms that only these import. */
const ONLY_FROM: Record<string, string[]> = {
  'src/cli': ['src/main.ts'],
  // Only the factory of workers knows the guest, whose text it starts a Bun worker with.
  'guest/bun': ['src/worker'],
  'src/worker/session': ['src/worker'],
  'src/testing': [],
}

const ROOT = resolve(import.meta.dir, '../..')
const files = [...new Bun.Glob('{src,guest}/**/*.ts').scanSync(ROOT)]
  .filter((file) => !file.endsWith('.test.ts') && !file.endsWith('.d.ts'))
  .sort()
const known = new Set(files)

/** Static imports, re-exports and imports at run time that name a file. */
const IMPORT =
  /^(?:import|export)\b[^;'"]*?\bfrom\s+'(\.[^']+)'|^import\s+'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'/gm

function pathsIn(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

/** The project's TypeScript files that this one imports. */
function importsOf(file: string): string[] {
  return pathsIn(readFileSync(join(ROOT, file), 'utf8'))
    .map((path) => join(dirname(file), path))
    .filter((path) => known.has(path))
}

function roomOf(file: string): string {
  const alone = file === BORDER || dirname(file) === 'src'
  return alone ? file : dirname(file)
}

interface Import {
  file: string
  to: string
  from: string
  room: string
}

const between: Import[] = files.flatMap((file) =>
  importsOf(file)
    .map((to) => ({ file, to, from: roomOf(file), room: roomOf(to) }))
    .filter(({ from, room }) => from !== room),
)
const layerOf = (room: string) => LAYERS.findIndex((row) => row.includes(room))
const say = ({ file, to }: Import) => `${file} imports ${to}`

/** Every cycle that a depth-first walk finds, as `a -> b -> a`. */
function cyclesOf(edges: Map<string, string[]>): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const walk = (node: string, path: string[]) => {
    if (path.includes(node)) {
      cycles.push([...path.slice(path.indexOf(node)), node].join(' -> '))
    } else if (!done.has(node)) {
      for (const next of edges.get(node) ?? []) walk(next, [...path, node])
      done.add(node)
    }
  }
  for (const node of edges.keys()) walk(node, [])
  return cycles
}

test('every file lies in a room of the list', () => {
  const rooms = new Set(files.map(roomOf))
  expect([...rooms].filter((room) => layerOf(room) === -1)).toEqual([])
  expect(LAYERS.flat().filter((room) => !rooms.has(room))).toEqual([])
  expect(files.length).toBeGreaterThan(150)
  expect(between.length).toBeGreaterThan(200)
})

test('a file imports only rooms below its own', () => {
  const upward = between.filter(({ from, room }) => layerOf(room) <= layerOf(from))
  expect(upward.map(say)).toEqual([])
})

test('some rooms import less than their layer allows', () => {
  const wrong = between.filter(({ from, room }) => ONLY[from]?.includes(room) === false)
  expect(wrong.map(say)).toEqual([])
})

test('some rooms are imported only by those that must know them', () => {
  const wrong = between.filter(({ from, room }) => ONLY_FROM[room]?.includes(from) === false)
  expect(wrong.map(say)).toEqual([])
})

test('no files import each other in a cycle', () => {
  expect(cyclesOf(new Map(files.map((file) => [file, importsOf(file)])))).toEqual([])
})

test('this test finds each kind of import, and a cycle', () => {
  const text = `import type { A } from './a.ts'
import {
  b,
} from '../b.ts'
export { c } from './c.ts'
import './d.ts'
const e = await import('./e.ts')
import f from 'node:fs'
`
  expect(pathsIn(text)).toEqual(['./a.ts', '../b.ts', './c.ts', './d.ts', './e.ts'])
  const edges = new Map([
    ['a', ['b']],
    ['b', ['a']],
  ])
  expect(cyclesOf(edges)).toEqual(['a -> b -> a'])
})
