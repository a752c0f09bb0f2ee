/** Builds one bundle from testharness.js, a test and the scripts that it names. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readBytes, resolvePath, type TestFile } from './checkout.ts'
import type { Host } from './host.ts'
import { patch } from './patches.ts'

/** Tests of eval, and tests that evaluate the objects they are given. */
const NEED_EVAL = ['html/webappapis/timers/evil-spec-example.any.js', 'resources/idlharness.js']

export const needsEval = (test: TestFile): boolean =>
  [test.path, ...test.scripts].some((path) => NEED_EVAL.includes(path))

const PRELUDE = readFileSync(join(import.meta.dir, 'prelude.js'), 'utf8')

/** Files next to the test that the test and its scripts fetch by a literal name. */
function resourcesOf(test: TestFile, host: Host): Record<string, string> {
  const source = [test.source, ...test.scripts.map((script) => host.read(script))].join('\n')
  const names = [...source.matchAll(/["'`]([^"'`\n]+\.json)["'`]/g)].map(([, name]) => name)
  for (const [, list] of test.source.matchAll(/idl_test\(\s*([^{(]*)/g)) {
    for (const [, name] of (list ?? '').matchAll(/['"]([\w-]+)['"]/g))
      names.push(`/interfaces/${name}.idl`)
  }
  const paths = names.map((name) => resolvePath(test.path, name ?? ''))
  const entries = paths.flatMap((path) => {
    try {
      return [[`/${path}`, host.read(path)]]
    } catch {
      return []
    }
  })
  return { ...Object.fromEntries(entries), ...mediaOf(test) }
}

/** Binary files, with one code point for each byte. */
function mediaOf(test: TestFile): Record<string, string> {
  const media: Record<string, string> = {}
  for (const [, path] of test.source.matchAll(/["'](\/media\/[^"'\n]+)["']/g)) {
    media[path as string] = readBytes((path as string).slice(1)).toString('latin1')
  }
  return media
}

/**
 * The scripts share one function's scope as they would share the global scope: their `var`s and
 * functions see each other, may be declared twice, and `this` is the global. All code is strict.
 */
export function bundleOf(test: TestFile, variant: string, host: Host, timeoutMs: number): string {
  const files = ['resources/testharness.js', ...test.scripts]
  const sources = files.map((file) => patch(file, host.read(file)))
  sources.push(patch(test.path, host.read(test.path)))
  const [harness, ...scripts] = sources
  return `const LOCATION = ${JSON.stringify(`${host.origin}/${test.path}${variant}`)}
const SERVED = ${host.served}
const RESOURCES = ${JSON.stringify(host.served ? {} : resourcesOf(test, host))}
${PRELUDE}
${test.title === undefined ? '' : `globalThis.META_TITLE = ${JSON.stringify(test.title)}`}
function $run() {
${[harness, `$wpt.watch(${timeoutMs})`, ...scripts].join('\n;')}
}
export default () => $wpt.results($run)`
}
