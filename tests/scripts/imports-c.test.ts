import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/**
 * The layers of the C code, read from its `#include`s. A file may include files of its own layer
 * and of the layers that are listed here.
 *
 * zygote -> invocation, node -> web -> core -> native/lockdown
 *
 * A lower layer calls a higher one only through a table of function pointers, which
 * guest/quickjs/zygote/compose.c sets.
 */
const QUICKJS = 'guest/quickjs'
const ALLOWED: Record<string, string[]> = {
  'native/lockdown': [],
  'native/launcher': ['native/lockdown'],
  [`${QUICKJS}/tools`]: [],
  [`${QUICKJS}/core`]: [`${QUICKJS}/tools`, 'native/lockdown'],
  [`${QUICKJS}/web`]: [`${QUICKJS}/core`],
  [`${QUICKJS}/node`]: [`${QUICKJS}/core`, `${QUICKJS}/web`],
  [`${QUICKJS}/invocation`]: [`${QUICKJS}/core`, `${QUICKJS}/web`],
  [`${QUICKJS}/zygote`]: [
    `${QUICKJS}/core`,
    `${QUICKJS}/web`,
    `${QUICKJS}/node`,
    `${QUICKJS}/invocation`,
    'native/lockdown',
  ],
  fuzz: ['core', 'web', 'node', 'invocation', 'zygote'].map((layer) => `${QUICKJS}/${layer}`),
}
const LAYERS = Object.keys(ALLOWED)
const ROOT = resolve(import.meta.dir, '../..')

const files = ['guest/quickjs', 'native', 'fuzz']
  .flatMap((directory) =>
    [...new Bun.Glob('**/*.{c,h,cpp}').scanSync(join(ROOT, directory))].map((name) =>
      join(directory, name),
    ),
  )
  .sort()

/** The project's files that this one includes, without the headers of libraries. */
function includesOf(file: string): string[] {
  const names = readFileSync(join(ROOT, file), 'utf8').matchAll(/^#\s*include\s+"([^"]+)"/gm)
  return [...names].flatMap(([, name]) => {
    const candidates = [dirname(file), QUICKJS, 'native'].map((from) => join(from, name ?? ''))
    return candidates.find((candidate) => files.includes(candidate)) ?? []
  })
}

function layerOf(file: string): string {
  const layer = LAYERS.find((name) => file.startsWith(`${name}/`))
  if (layer === undefined) {
    throw new Error(
      `${file} belongs to no layer of tests/scripts/imports-c.test.ts: add its directory to ALLOWED`,
    )
  }
  return layer
}

/** The cycles that a depth-first search finds, as `a -> b -> a`. */
function cyclesOf(edges: Map<string, Set<string>>): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const walk = (node: string, path: string[]) => {
    if (path.includes(node)) {
      cycles.push([...path.slice(path.indexOf(node)), node].join(' -> '))
    } else if (!done.has(node)) {
      for (const next of edges.get(node) ?? []) {
        walk(next, [...path, node])
      }
      done.add(node)
    }
  }
  for (const node of edges.keys()) {
    walk(node, [])
  }
  return cycles
}

test('a C file includes only the layers below its own', () => {
  const wrong = files.flatMap((file) =>
    includesOf(file)
      .filter(
        (to) => layerOf(to) !== layerOf(file) && !ALLOWED[layerOf(file)]?.includes(layerOf(to)),
      )
      .map((to) => `${file} includes ${to}`),
  )
  expect(wrong).toEqual([])
  expect(files.length).toBeGreaterThan(100)
})

test('the directories of C code include each other without a cycle', () => {
  const edges = new Map<string, Set<string>>()
  for (const file of files) {
    const from = dirname(file)
    for (const to of includesOf(file).map(dirname)) {
      if (to !== from) {
        edges.set(from, (edges.get(from) ?? new Set()).add(to))
      }
    }
  }
  expect(cyclesOf(edges)).toEqual([])
  expect(
    cyclesOf(
      new Map([
        ['a', new Set(['b'])],
        ['b', new Set(['a'])],
      ]),
    ),
  ).toEqual(['a -> b -> a'])
})

test('idl/ is the base of the Web APIs and includes no other directory of them', () => {
  const wrong = files
    .filter((file) => file.startsWith(`${QUICKJS}/web/idl/`))
    .flatMap((file) => includesOf(file).map((to) => `${file} includes ${to}`))
    .filter((line) => /web\/[a-z]+\/[^ ]*$/.test(line) && !/includes \S*\/web\/idl\//.test(line))
  expect(wrong).toEqual([])
})

test('a C file declares a function of another file in a header only', () => {
  const byHand = files
    .filter((file) => file.endsWith('.c'))
    .flatMap((file) =>
      readFileSync(join(ROOT, file), 'utf8')
        .split('\n')
        .filter((line) => !line.includes('__asm__'))
        .filter((line) =>
          /^extern\b|^(?!static|typedef|return)[a-z_][\w *]*\bfn_\w+\([^;{]*\);/.test(line),
        )
        .map((line) => `${file}: ${line}`),
    )
  expect(byHand).toEqual([])
})
