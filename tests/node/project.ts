/** Makes a project of one of Node's tests, as a tenant would have it, and bundles it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buildBundle } from '../../src/bundles/build.ts'
import type { Bundle } from '../../src/bundles/bundle-store.ts'
import { NODE_MODULES } from '../../src/bundles/node-modules.ts'
import { findProject } from '../../src/bundles/project.ts'
import { NAMED_PROFILES } from '../../src/capabilities/profiles.ts'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import { fixturesOf, readTestFile } from './checkout.ts'
import { patch } from './patches.ts'

const MB = 1024 * 1024
const GUEST = join(import.meta.dir, 'guest')
/** Replaced by files of the folder `guest`: Node's own ones need a process with files and sockets. */
const OWN_HELPERS = [
  'index.js',
  'index.mjs',
  'fixtures.js',
  'fixtures.mjs',
  'crypto.js',
  'tmpdir.js',
]

export const CAPABILITIES: Capabilities = {
  ...NAMED_PROFILES.strict,
  projectId: 'default',
  allowEval: true,
  maxMemory: 512 * MB,
}

/** Why a test cannot run in a worker; undefined if it can. */
export function whySkipped(source: string): string | undefined {
  if (/internalBinding|['"]internal\/|--expose[-_]internals/.test(source)) {
    return 'tests what is internal to Node'
  }
  if (/\b(?:createServer|Server)\(/.test(source)) return 'needs a server of its own'
  const flag = /^\/\/ Flags:.*?(--(?!no-warnings)\S+)/m.exec(source)?.[1]
  if (flag !== undefined) return `needs the flag ${flag}`
  const imports = source.matchAll(/(?:\brequire\(|\bfrom\s+|\bimport\(?\s*)(['"])([^'"]+)\1/g)
  for (const [, , specifier = ''] of imports) {
    const name = specifier.replace(/^node:/, '')
    if (Object.hasOwn(REPLACED, name) || !isBuiltin(specifier)) continue
    const module = NODE_MODULES[name]
    if (module === undefined) return `needs node:${name}`
    if (module.needs !== undefined) return `needs ${module.needs}`
  }
  return undefined
}

/** A test, and its source in the checkout. */
export interface NodeTest {
  name: string
  source: string
}

/** One bundle of several tests, made as by a deployment. The path of a request names the test to run. */
export async function bundleTests(tests: readonly NodeTest[]): Promise<Bundle> {
  const root = mkdtempSync(join(tmpdir(), 'functions-node-test-'))
  const write = (path: string, text: string | Uint8Array) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const seen = new Set<string>()
  /** Writes a file of the checkout, and the helpers that it requires. */
  const copy = (path: string, text: string) => {
    write(path, replaceModules(text))
    for (const [, helper = ''] of text.matchAll(/['"]\.\.?\/(?:common\/)?([\w/.-]+)['"]/g)) {
      const file = /\.\w+$/.test(helper) ? helper : `${helper}.js`
      if (seen.has(file) || OWN_HELPERS.includes(file)) continue
      seen.add(file)
      const found = readOrNothing(`common/${file}`)
      if (found !== undefined) copy(`test/common/${file}`, found)
    }
  }
  try {
    write('package.json', '{}')
    for (const file of readdirSync(GUEST)) write(`guest/${file}`, readFileSync(join(GUEST, file)))
    write('guest/files.json', JSON.stringify(fixturesFor(tests)))
    for (const file of ['index', 'fixtures', 'crypto']) {
      const guest = file === 'index' ? 'common' : file
      write(`test/common/${file}.js`, `module.exports = require('../../guest/${guest}.js')`)
    }
    write('test/common/index.mjs', readFileSync(join(GUEST, 'index.mjs')))
    write('test/common/fixtures.mjs', "export * from './fixtures.js'")
    for (const { name, source } of tests) copy(`test/parallel/${name}`, patch(name, source))
    write('index.js', entryOf(tests))
    const project = findProject(join(root, 'index.js'))
    return await buildBundle(project, 'quickjs-ng', CAPABILITIES)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** Base64 by path. */
function fixturesFor(tests: readonly NodeTest[]): Record<string, string> {
  const paths = new Set(tests.flatMap(({ source }) => fixturesOf(source)))
  const files = [...paths].map((path) => [
    path,
    readTestFile(`fixtures/${path}`).toString('base64'),
  ])
  return Object.fromEntries(files)
}

function entryOf(tests: readonly NodeTest[]): string {
  const loads = tests.map(({ name }) => {
    const load = name.endsWith('.mjs') ? 'import' : 'require'
    return `'/${name}': () => ${load}('./test/parallel/${name}'),`
  })
  return `import { run } from './guest/harness.js'
const tests = { ${loads.join('\n')} }
export default (request) => run(tests[new URL(request.url).pathname])
`
}

/** Modules of Node that a worker lacks and most tests need only in passing, and what replaces them. */
const REPLACED: Record<string, string> = { test: 'runner.js', vm: 'vm.js' }

function replaceModules(source: string): string {
  return source.replace(/(require\(|from )(['"])(?:node:test|(?:node:)?vm)\2/g, (text, before) => {
    const file = REPLACED[/test|vm/.exec(text.slice(before.length))?.[0] ?? '']
    return `${before}'../../guest/${file}'`
  })
}

function readOrNothing(path: string): string | undefined {
  try {
    return readTestFile(path).toString('utf8')
  } catch {
    return undefined
  }
}
