/** Reads a checkout of web-platform-tests: the headers of tests, and the files that they name. */
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'

/** The checkout, or undefined when it is missing. */
export const WPT_ROOT = process.env.WPT_ROOT

export interface TestFile {
  /** A path from the checkout's root, such as `url/url-origin.any.js`. */
  path: string
  source: string
  /** The files that `META: script=` lists, in order. */
  scripts: string[]
  /** The queries of `META: variant=`, one for each run; one empty query without it. */
  variants: string[]
  title: string | undefined
  long: boolean
}

export function readBytes(path: string): Buffer {
  if (WPT_ROOT === undefined) throw new Error('WPT_ROOT is not set')
  return readFileSync(join(WPT_ROOT, path))
}

export const readFile = (path: string): string => readBytes(path).toString('utf8')

/** `META:` comments are at the top of a file, one per line. */
function readMeta(source: string): [string, string][] {
  const meta: [string, string][] = []
  for (const line of source.split('\n')) {
    const [, key, value] = /^\/\/\s*META:\s*(\w*)=(.*)$/.exec(line.trimEnd()) ?? []
    if (key === undefined || value === undefined) break
    meta.push([key, value.trim()])
  }
  return meta
}

/** The path that `reference` means in a test at `from`. */
export function resolvePath(from: string, reference: string): string {
  return reference.startsWith('/')
    ? normalize(reference.slice(1))
    : normalize(join(dirname(from), reference))
}

export function readTest(path: string): TestFile {
  const source = readFile(path)
  const meta = readMeta(source)
  const all = (name: string) => meta.filter(([key]) => key === name).map(([, value]) => value)
  const variants = all('variant')
  return {
    path,
    source,
    scripts: all('script').map((script) => resolvePath(path, script)),
    variants: variants.length === 0 ? [''] : variants,
    title: all('title')[0],
    long: all('timeout').includes('long'),
  }
}
