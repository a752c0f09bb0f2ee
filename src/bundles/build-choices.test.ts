import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { useProject } from '../testing/bundle-fixture.ts'
import { warningText } from './warnings.ts'

// A build starts a process, which may wait long on a machine with other tests on it.
setDefaultTimeout(60_000)

const project = useProject()
const { build, refused, run, write } = project

/** Writes package `p` with a module for each name, which says its name. */
function pack(manifest: object, modules: Record<string, string> = {}, name = 'p'): void {
  write(
    `node_modules/${name}/package.json`,
    JSON.stringify({ name, version: '1.2.3', ...manifest }),
  )
  for (const module of ['a', 'b', 'c', 'd']) {
    write(`node_modules/${name}/${module}.js`, `export default '${module}'`)
  }
  for (const [module, text] of Object.entries(modules)) {
    write(`node_modules/${name}/${module}.js`, text)
  }
}

const SOURCE = "import p from 'p'\nexport default p"
const chosen = async () => await run(await build(SOURCE))
/** A build for pages. */
const PAGE = "export default 'page'\nexport const title = () => document.title"

describe('the build of a package', () => {
  test('is the one for workerd, worker or edge-light, in this order, whatever that of its conditions', async () => {
    for (const [exports, name] of [
      [{ browser: './b.js', worker: './a.js', default: './d.js' }, 'a'],
      [{ 'edge-light': './b.js', worker: './c.js', workerd: './a.js', default: './d.js' }, 'a'],
      [{ browser: './b.js', 'edge-light': { import: './a.js' } }, 'a'],
      [{ node: './b.js', browser: './c.js', default: './d.js' }, 'c'],
      [{ '.': [{ node: './a.js' }, { worker: { import: './c.js' } }] }, 'c'],
    ] as const) {
      pack({ exports })
      expect([exports, await chosen()]).toEqual([exports, name])
    }
  })

  test('is the same for the files of the package that require its folder', async () => {
    pack({ main: './lib/node/index.js', browser: { './lib/node/index.js': './lib/page.js' } })
    write('node_modules/p/lib/page.js', `module.exports = () => new XMLHttpRequest()`)
    write(
      'node_modules/p/lib/node/index.js',
      "exports.name = 'node'\nexports.agent = () => require('./agent.js').request.name",
    )
    write('node_modules/p/lib/node/agent.js', "exports.request = require('../..')")
    const bundle = await build("import p from 'p'\nexport default p.agent()")
    expect(await run(bundle)).toBe('node')
    expect(bundle.warnings).toEqual([])
  })

  test('of a linked package of the workspace is chosen as that of an installed one', async () => {
    write('package.json', '{"workspaces":["packages/*"]}')
    const exports = { workerd: './a.js', browser: './b.js', default: './c.js' }
    write('packages/p/package.json', JSON.stringify({ name: 'p', exports }))
    write('packages/p/a.js', "import 'cloudflare:workers'\nexport default 'a'")
    write('packages/p/b.js', PAGE)
    write('packages/p/c.js', "export default 'c'")
    write('node_modules/.keep', '')
    symlinkSync('../packages/p', join(project.root(), 'node_modules/p'))
    expect(await chosen()).toBe('page')
    write('packages/p/b.js', 'export default document.title')
    expect(await chosen()).toBe('c')
  })

  test('for pages is passed over if it has an error for a missing XHR', async () => {
    const page = `let root
      if (typeof window !== 'undefined') root = window
      else root = self
      export default function page() {
        if (root.XMLHttpRequest) return new root.XMLHttpRequest()
        throw new Error('Browser-only version could not find XHR')
      }`
    pack({ main: './d.js', browser: { './d.js': './b.js' } }, { b: page })
    expect(await chosen()).toBe('d')
    // A stub takes the place of node:fs, which the profile does not allow.
    const node =
      "import fs from 'fs'\nexport const read = () => fs.readFileSync('x')\nexport default 'node'"
    pack({ main: './d.js', browser: { './d.js': './b.js' } }, { b: page, d: node })
    expect(await chosen()).toBe('node')
    pack({ main: './b.js' }, { b: page })
    const { warnings } = await build(SOURCE)
    expect(warnings.map(warningText)).toEqual([
      expect.stringMatching(
        /^node_modules\/p\/b.js:6:\d+: 'XMLHttpRequest' is not available .* 'p' has no other build/,
      ),
    ])
  })

  test('is the next one if its file does not exist', async () => {
    pack({ exports: { worker: './none.js', default: './d.js' } })
    expect(await chosen()).toBe('d')
    pack({ exports: { import: { workerd: './none.js', browser: './b.js' }, require: './a.js' } })
    expect(await chosen()).toBe('b')
    pack({ exports: { '.': { require: { worker: './none.js', default: './a.js' } } } })
    expect(await run(await build("export default require('p').default"))).toBe('a')
    pack({ exports: { worker: './none.js', default: './none-either.js' } })
    const error = await refused(`import 'nopkg'\n${SOURCE}`)
    expect([error, ...error.others].map(({ position }) => position?.line)).toEqual([1, 2])
  })

  test('for workerd is passed over if it imports modules of Cloudflare', async () => {
    pack(
      { exports: { workerd: './a.js', worker: './b.js', default: './c.js' } },
      { a: "export { connect as default } from 'cloudflare:sockets'" },
    )
    expect(await chosen()).toBe('b')
    pack(
      { exports: { workerd: './a.js', default: './c.js' } },
      { a: "import './deep.js'\nexport default 1", deep: "import 'cloudflare:sockets'" },
    )
    expect(await chosen()).toBe('c')
    pack(
      { exports: { workerd: './a.js', default: './c.js' } },
      { a: "import 'not-there'\nexport default 1" },
    )
    const error = await refused(SOURCE)
    expect(error.message).toContain("Package 'not-there' is not installed")
  })

  test('is not one for pages if there is another', async () => {
    for (const [manifest, name] of [
      [{ browser: './page.js', module: './a.js' }, 'a'],
      [{ browser: { './a.js': './page.js' }, module: './a.js' }, 'a'],
      [{ browser: { './a': './page' }, main: './a' }, 'a'],
      [{ exports: { browser: './page.js', default: './b.js' } }, 'b'],
      [{ exports: { browser: { import: './page.js' }, import: './c.js' } }, 'c'],
      [{ exports: { './x': './x.js', '.': { browser: './up.js', default: './d.js' } } }, 'd'],
    ] as const) {
      pack(manifest, { page: PAGE, up: "export { default, title } from './page.js'" })
      const bundle = await build(
        "import * as p from 'p'\nexport default p.default\nexport const all = p",
      )
      expect([manifest, await run(bundle)]).toEqual([manifest, name])
      expect(bundle.warnings).toEqual([])
    }
  })

  test('is not one for pages deep in a package that another package imports', async () => {
    pack(
      { browser: { './parse.js': './parse.browser.js' }, module: './a.js' },
      {
        a: "export { parse as default } from './parse.js'",
        parse: "export const parse = () => 'own parser'",
        'parse.browser': 'export const parse = () => new DOMParser()',
      },
    )
    pack({ module: './a.js' }, { a: "export { default } from 'p'" }, 'q')
    const bundle = await build("import q from 'q'\nexport default q()")
    expect(await run(bundle)).toBe('own parser')
    expect(bundle.warnings).toEqual([])
  })

  test('is the one for browsers if that tests for its globals', async () => {
    for (const test of [
      "typeof document !== 'undefined' ? document.title : 1",
      'globalThis.window !== undefined && window.x',
      "'XMLHttpRequest' in globalThis && new XMLHttpRequest()",
      'globalThis.document?.title',
    ]) {
      pack(
        { browser: './page.js', module: './a.js' },
        {
          page: `export default 'page'\nexport const title = () => ${test}`,
        },
      )
      const bundle = await build(
        "import * as p from 'p'\nexport default p.default\nexport const all = p",
      )
      expect([await run(bundle), bundle.warnings]).toEqual(['page', []])
    }
  })

  test('for pages is taken, with a warning, if the other needs what a worker lacks', async () => {
    const sources = [
      "import 'node:tls'\n",
      "import './deep.js'\n",
      "import 'not-there'\n",
      "import 'q'\n",
    ]
    pack({ module: './a.js' }, { a: "import 'node:tls'\nexport default 1" }, 'q')
    for (const source of sources) {
      pack(
        { browser: './page.js', module: './a.js' },
        {
          page: PAGE,
          a: `${source}export default 'a'`,
          deep: "export { readFileSync } from 'fs'\nimport 'fs'",
        },
      )
      const bundle = await build(
        "import * as p from 'p'\nexport default p.default\nexport const all = p",
      )
      expect([source, await run(bundle)]).toEqual([source, 'page'])
      expect(bundle.warnings.map(warningText)).toEqual([
        "node_modules/p/page.js:2:28: 'document' is not available in quickjs-ng functions; package 'p' has no other build that fits a worker.",
      ])
    }
  })

  test('has a warning with its place if there is no other', async () => {
    pack({ main: './page.js' }, { page: 'export default () => new XMLHttpRequest()' })
    const { warnings } = await build(SOURCE)
    expect(warnings.map(warningText)).toEqual([
      "node_modules/p/page.js:1:26: 'XMLHttpRequest' is not available in quickjs-ng functions; package 'p' has no other build that fits a worker.",
    ])
  })

  test('is what Bun has, for Bun functions', async () => {
    pack({ exports: { workerd: './a.js', browser: './b.js', bun: './c.js', default: './d.js' } })
    expect(await run(await build(SOURCE, 'bun'))).toBe('c')
  })
})

describe('a hostile package.json', () => {
  test('with cycles, prototypes, or what is no path gets no other file', async () => {
    write('secret.js', "export default 'secret'")
    pack({})
    symlinkSync('../../secret.js', join(project.root(), 'node_modules/link.js'))
    for (const manifest of [
      { browser: { './a.js': './b.js', './b.js': './a.js' }, module: './a.js' },
      { browser: { './a.js': '../../secret.js' }, module: './a.js' },
      { browser: { './a.js': './b.js' }, main: '../../secret.js' },
      { main: '../../secret.js' },
      { browser: '../../secret.js', main: './a.js' },
      { exports: { workerd: '../../secret.js', default: './a.js' } },
      { exports: { workerd: './../../secret.js', default: './a.js' } },
      { exports: { __proto__: null, constructor: './b.js', default: './a.js' } },
      { imports: { '#a': '#b', '#b': '#a' }, exports: './a.js' },
    ]) {
      pack(manifest, { a: "export default 'a'\nexport const t = () => document.title" })
      let found: unknown
      try {
        found = await chosen()
      } catch (error) {
        found = (error as Error).message
      }
      expect([manifest, found]).not.toEqual([manifest, 'secret'])
    }
  })

  test('of a huge size is not read', async () => {
    const exports = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, at) => [`c${at}`, './b.js']),
    )
    pack({ exports: { ...exports, workerd: './b.js', default: './a.js' } })
    expect(await chosen()).toMatch(/^[ab]$/)
  })
})

describe('why', () => {
  test('names the file, the keys that led to it, the conditions, what was not taken, and the chain', async () => {
    pack(
      { exports: { workerd: './a.js', browser: './page.js', default: './b.js' } },
      { a: "import 'cloudflare:sockets'\nexport default 1", page: PAGE },
    )
    write('lib/x.ts', "export * from 'p'\nexport { default } from 'p'")
    const { explain } = await build("import * as x from './lib/x'\nexport default x")
    expect(explain('p')).toEqual({
      package: 'p',
      version: '1.2.3',
      imports: [
        {
          importer: 'lib/x.ts',
          specifier: 'p',
          file: 'node_modules/p/b.js',
          via: ['exports["."]', 'default'],
          conditions: ['workerd', 'worker', 'edge-light', 'browser', 'import', 'module', 'default'],
          others: [
            {
              file: 'node_modules/p/a.js',
              via: ['exports["."]', 'workerd'],
              why: "imports 'cloudflare:sockets' (node_modules/p/a.js), which is a module of another platform, which quickjs-ng functions do not have",
            },
            {
              file: 'node_modules/p/page.js',
              via: ['exports["."]', 'browser'],
              why: "needs 'document' (node_modules/p/page.js:2)",
            },
          ],
          chain: ['index.ts', 'lib/x.ts'],
        },
      ],
      more: 0,
    })
  })

  test('says that a package is not in the bundle, and why', async () => {
    pack({ main: './a.js' })
    const { explain } = await build("export default () => import('gone').catch(() => 1)")
    const message = (name: string) => {
      try {
        explain(name)
      } catch (error) {
        return (error as Error).message
      }
      throw new Error('it was explained')
    }
    expect(message('p')).toBe(
      "Package 'p' is not in the bundle: it is installed, but nothing in the bundle needs it.",
    )
    expect(message('gone')).toContain('its import in index.ts fails at run time')
    expect(message('constructor')).toContain('Check the name.')
  })
})
