/** Reads a checkout of nodejs/node: its tests, the helpers that they require, and its fixtures. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import suites from './suites.json'

/** A checkout of nodejs/node; without one nothing runs. */
export const NODE_TESTS = process.env.FUNCTIONS_NODE_TESTS || undefined

/** Module -> patterns of the names of its test files. */
const PATTERNS: Record<string, string[]> = suites

export const SUITES = Object.keys(PATTERNS)

/** A file of the checkout's folder `test`, by its path in there. */
export function readTestFile(path: string): Buffer {
  if (NODE_TESTS === undefined) throw new Error('FUNCTIONS_NODE_TESTS is not set')
  return readFileSync(join(NODE_TESTS, 'test', path))
}

/** The names of all tests of a module. A test that two modules' patterns match is the first one's. */
export function testsOf(suite: string): string[] {
  if (NODE_TESTS === undefined) throw new Error('FUNCTIONS_NODE_TESTS is not set')
  const names = readdirSync(join(NODE_TESTS, 'test/parallel'))
  const matches = (module: string, name: string) =>
    (PATTERNS[module] ?? []).some((pattern) => new Bun.Glob(pattern).match(name))
  return names.filter((name) => suite === SUITES.find((module) => matches(module, name))).sort()
}

/** The fixtures that a source names in a string, by their path. */
export function fixturesOf(source: string): string[] {
  const literals = [...source.matchAll(/(['"`])([\w./-]+)\1/g)].map(([, , text]) => text ?? '')
  const paths = literals.flatMap((text) => [text, `keys/${text}`])
  const lists = [...source.matchAll(/\bfixtures\.(?:path|readSync)\(\s*\[?([^)\]]*)/g)]
  for (const [, list = ''] of lists) {
    paths.push([...list.matchAll(/['"]([^'"]+)['"]/g)].map(([, part]) => part).join('/'))
  }
  return [...new Set(paths)].filter(
    (path) => /\.\w+$/.test(basename(path)) && existsSync(fixture(path)),
  )
}

const fixture = (path: string) => join(NODE_TESTS ?? '', 'test/fixtures', path)
