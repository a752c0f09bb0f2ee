/** Members of Node's modules that a worker lacks, however a source reaches them. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import nodeModules from '../../.build/node-modules.pack' with { type: 'file' }
import { useProject } from '../testing/bundle-fixture.ts'
import { membersTable, NODE_MEMBERS } from './node-members.ts'
import { NODE_MODULES } from './node-modules.ts'

const { build, refused, write } = useProject()

const CALLED = /^'(\S+)' is not available in quickjs-ng functions: a call of it throws/

/** `member file:line` of each warning about a member. */
async function warningsOf(source: string): Promise<string[]> {
  const { warnings } = await build(source)
  return warnings.flatMap(({ message, file, line }) => {
    const name = CALLED.exec(message)?.[1]
    return name === undefined ? [] : [`${name} ${file}:${line}`]
  })
}

/** Bun names its own modules among Node's. */
const isOfNode = (name: string) => !/^(?:bun|undici|ws)$|:/.test(name)

describe('a missing member that is called', () => {
  const forms: [string, string][] = [
    ['default', "import fs from 'node:path'\nexport default () =>\n  fs.matchesGlob('a', 'b')"],
    ['namespace', "import * as p from 'path'\nexport default () =>\n  p.matchesGlob('a', 'b')"],
    ['require', "const p = require('node:path')\nexport default () =>\n  p.matchesGlob('a', 'b')"],
    [
      'destructured require',
      "const { matchesGlob } = require('path')\nexport default () =>\n  matchesGlob('a', 'b')",
    ],
    [
      'renamed',
      "import p from 'path'\nconst { matchesGlob: m } = p; export default () =>\n  m('a', 'b')",
    ],
    [
      'alias',
      "import p from 'path'\nconst q = p, m = q.matchesGlob; export default () =>\n  m('a', 'b')",
    ],
    [
      'await import',
      "export default async () => { const p = await import('path')\n\n  return p.matchesGlob('a', 'b') }",
    ],
    [
      'default of await import',
      "export default async () => { const { default: p } = await import('path')\n\n  return p['matchesGlob']('a', 'b') }",
    ],
    ['by a string', "import p from 'path'\nexport default () =>\n  p['matchesGlob']('a', 'b')"],
    ['global', 'export default (path) =>\n\n  process.kill(path)'],
    ['passed on', "import p from 'path'\nexport default (x) =>\n  x(p.matchesGlob)"],
  ]
  for (const [form, source] of forms) {
    test(`as ${form}`, async () => {
      const member = form === 'global' ? 'process.kill' : 'path.matchesGlob'
      expect(await warningsOf(source)).toEqual([`${member} index.ts:3`])
    })
  }

  test('re-exported by another file', async () => {
    write('own.ts', "import * as p from 'path'\nexport { p }\nexport const inner = p.default")
    const source =
      "import { p, inner } from './own.ts'\nexport default () =>\n  p.matchesGlob(inner.join('a'))"
    expect(await warningsOf(source)).toEqual(['path.matchesGlob index.ts:3'])
  })

  test('by its name, refused at the import', async () => {
    for (const source of [
      "\nimport { matchesGlob } from 'node:path'\nexport default () => matchesGlob('a')",
      "\nimport { matchesGlob as m } from 'path'\nexport default () => new m('a')",
      "\nexport default (x) => x\nimport p, { matchesGlob } from 'path'; x(p, matchesGlob)".replace(
        /\nexport default \(x\) => x\n(.*)/,
        '\n$1\nexport default (x) => x',
      ),
    ]) {
      const error = await refused(source)
      expect(error.message).toBe("'node:path' has no export 'matchesGlob' in quickjs-ng functions.")
      expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
    }
  })

  test('while the function is loaded, refused at the call', async () => {
    const error = await refused(
      "import p from 'path'\n\nconst x = p.matchesGlob('a')\nexport default () => x",
    )
    expect(error.message).toContain("'path.matchesGlob' is not available")
    expect(error.message).toContain('it is called when the function is loaded')
    expect(error.position).toMatchObject({ file: 'index.ts', line: 3 })
  })

  test('behind a test of it, is no matter', async () => {
    for (const body of [
      "if (p.matchesGlob) p.matchesGlob('a')",
      "typeof p.matchesGlob === 'function' ? p.matchesGlob('a') : 1",
      "'matchesGlob' in p && p.matchesGlob('a')",
      "try { p.matchesGlob('a') } catch {}",
      "p.matchesGlob?.('a')",
      'return typeof p.matchesGlob',
    ]) {
      expect(await warningsOf(`import p from 'path'\nexport default () => { ${body} }`)).toEqual([])
    }
  })

  test('in a package: by its call only, in each form that compilers make', async () => {
    write(
      'node_modules/a/index.js',
      "const p = require('path')\nexports.x = () =>\n p.matchesGlob('a')",
    )
    write(
      'node_modules/b/index.js',
      "var p_1 = __importDefault(require('util'))\nfunction __importDefault(m) { return m && m.__esModule ? m : { default: m } }\nexports.y = () => p_1.default.getCallSites()",
    )
    write('node_modules/c/package.json', '{"name":"c","type":"module","main":"index.js"}')
    write(
      'node_modules/c/index.js',
      "import { diff } from 'util'\nexport const z = () => diff('a')",
    )
    write(
      'node_modules/d/index.js',
      "const { setTraceSigInt } = require('util')\nexports.kept = [setTraceSigInt]",
    )
    const source = `import { x } from 'a'\nimport { y } from 'b'\nimport { z } from 'c'\nimport { kept } from 'd'
      export default () => [x, y, z, kept]`
    expect((await warningsOf(source)).sort()).toEqual([
      'path.matchesGlob node_modules/a/index.js:3',
      'util.diff node_modules/c/index.js:2',
      'util.getCallSites node_modules/b/index.js:3',
    ])
  })

  test('of an object of the same name is none', async () => {
    const source = `import path from 'path'
      export default (p) => { const path2 = { matchesGlob: () => path.join('a') }
        { const path = { matchesGlob: () => 1 }; p.matchesGlob(); path.matchesGlob() }
        return path2.matchesGlob() }`
    expect(await warningsOf(source)).toEqual([])
  })
})

test('each module of Node has a list, and what it lacks is nothing that it has', () => {
  const all = builtinModules.filter((name) => !name.startsWith('_') && isOfNode(name))
  expect(Object.keys(NODE_MEMBERS)).toEqual(all.sort())
  for (const [name, { has, lacks }] of Object.entries(NODE_MEMBERS)) {
    expect(has.length > 0).toBe(NODE_MODULES[name] !== undefined)
    expect(lacks.filter((name) => has.includes(name))).toEqual([])
  }
})

test('docs/node-modules.md has the list (bun scripts/node-members.ts writes it)', () => {
  const page = readFileSync(join(import.meta.dir, '../../docs/node-modules.md'), 'utf8')
  expect(page.endsWith(`-->\n\n${membersTable(NODE_MEMBERS)}`)).toBe(true)
})

test('the list knows what the modules export by name (bun scripts/node-members.ts writes it)', async () => {
  const { exports } = (await Bun.file(nodeModules).json()) as { exports: Record<string, string[]> }
  for (const [module, { has }] of Object.entries(NODE_MEMBERS)) {
    const named = exports[`${NODE_MODULES[module]?.source}.js`] ?? []
    expect([module, named.filter((name) => name !== 'default' && !has.includes(name))]).toEqual([
      module,
      [],
    ])
  }
})
