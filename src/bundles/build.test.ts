import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { STRICT, useProject } from '../testing/bundle-fixture.ts'
import { buildBundle } from './build.ts'
import { findImport } from './imports.ts'
import { findProject } from './project.ts'
import { stackMapper } from './source-map.ts'

// A build starts a process, which may wait long on a machine with other tests on it.
setDefaultTimeout(60_000)

const project = useProject()
const { build, refused, run, text, write } = project

describe('a bundle', () => {
  test('holds TypeScript, packages, JSON and text in one file', async () => {
    write('node_modules/greet/package.json', '{"name":"greet","main":"index.js"}')
    write('node_modules/greet/index.js', "module.exports = (n) => 'hi ' + n")
    write('data.json', '{"n":7}')
    write('page.txt', 'page')
    write('lib/x.ts', 'export enum X { A = 1 }')
    write('tsconfig.json', '{"compilerOptions":{"paths":{"@lib/*":["./lib/*"]}}}')
    const bundle = await build(`import greet from 'greet'
      import data from './data.json'
      import page from './page.txt' with { type: 'text' }
      import { X } from '@lib/x'
      export default greet(data.n) + page + X.A`)
    expect(await run(bundle)).toBe('hi 7page1')
  })

  test('has a source map with the text of its own sources', async () => {
    write('node_modules/p/index.js', 'module.exports = 1')
    write('page.txt', 'page')
    write('lib/x.ts', 'export const x: number = 1\n')
    const source =
      "import p from 'p'\nimport page from './page.txt' with { type: 'text' }\nimport { x } from './lib/x'\nexport default [p, page, x]"
    const { sources, sourcesContent } = JSON.parse(
      new TextDecoder().decode((await build(source)).map),
    )
    const texts = Object.fromEntries(
      sources.map((name: string, i: number) => [name, sourcesContent[i]]),
    )
    expect(texts).toMatchObject({ 'index.ts': source, 'lib/x.ts': 'export const x: number = 1\n' })
    expect(texts['node_modules/p/index.js']).toBeNull()
    write('lib/x.ts', `export const x = 1\n// ${'x'.repeat(600_000)}`)
    const large = JSON.parse(new TextDecoder().decode((await build(source)).map))
    expect(large.sourcesContent).toBeUndefined()
    expect(large.sources).toContain('lib/x.ts')
  })

  test('leaves text alone that looks like an import with an attribute', async () => {
    write('page.txt', 'page')
    const lines = ['import a from "./page.txt" with { type: "text" }', 'export {}']
    const source = `import page from './page.txt' with { type: 'text' }
      const code = \`${lines.join('\n')} \${page} import('./b.txt', { with: { type: 'text' } })\`
      export default page + code`
    const expected = `page${lines.join('\n')} page import('./b.txt', { with: { type: 'text' } })`
    expect(await run(await build(source))).toBe(expected)
  })

  test('is the same wherever its project lies', async () => {
    const source = "import { a } from './a'\nexport default () => a"
    write('a.ts', 'export const a = 1')
    const first = await build(source)
    const other = join(project.dir(), 'elsewhere/deeper/project')
    mkdirSync(other, { recursive: true })
    for (const [name, content] of [
      ['package.json', '{}'],
      ['index.ts', source],
      ['a.ts', 'export const a = 1'],
    ] as const) {
      writeFileSync(join(other, name), content)
    }
    const second = await buildBundle(findProject(join(other, 'index.ts')), 'quickjs-ng', STRICT)
    expect(text(second)).toBe(text(first))
    expect(new TextDecoder().decode(second.map)).toBe(new TextDecoder().decode(first.map))
  })

  test('takes what packages have for workers, before what they have for browsers', async () => {
    const exports = { worker: './w.js', browser: './b.js', node: './n.js', default: './d.js' }
    write('node_modules/p/package.json', JSON.stringify({ name: 'p', exports }))
    for (const name of ['w', 'b', 'n', 'd']) {
      write(`node_modules/p/${name}.js`, `export default '${name}'`)
    }
    expect(await run(await build("import p from 'p'\nexport default p"))).toBe('w')
    expect(await run(await build("import p from 'p'\nexport default p", 'bun'))).toBe('n')
  })

  test('is made for production and keeps its names', async () => {
    const source = 'export default function handlerName() { return process.env.NODE_ENV }'
    const bundle = await build(source)
    expect(text(bundle)).toContain('handlerName')
    expect(((await run(bundle)) as () => string)()).toBe('production')
  })

  test('carries a map to the sources as the tenant knows them', async () => {
    write(
      'lib/deep.ts',
      'interface A { a: 1 }\n\nexport const fail = () => {\n  throw new Error()\n}\n',
    )
    const bundle = await build("import { fail } from './lib/deep'\nexport default () => fail()\n")
    const map = JSON.parse(new TextDecoder().decode(bundle.map)) as { sources: string[] }
    expect(map.sources.toSorted()).toEqual(['index.ts', 'lib/deep.ts'])
    const lines = text(bundle).split('\n')
    const line = lines.findIndex((part) => part.includes('throw new Error')) + 1
    const column = (lines[line - 1] ?? '').indexOf('throw') + 1
    const mapStack = stackMapper(() => bundle.map)
    expect(mapStack(`Error\n    at fail (bundle.js:${line}:${column})`)).toBe(
      'Error\n    at fail (lib/deep.ts:4:3)',
    )
    expect(mapStack(`    at async bundle.js:${line}:${column}`)).toBe(
      '    at async lib/deep.ts:4:3',
    )
    expect(mapStack('    at x (other.js:1:1)')).toBe('    at x (other.js:1:1)')
    expect(mapStack('    at x (bundle.js:99999:1)')).toBe('    at x (bundle.js:99999:1)')
  })
})

describe('what does not build is refused with file and line', () => {
  test('a syntax error', async () => {
    const error = await refused('const a = 1\nconst b = ;\n')
    expect(error.position).toEqual({ file: 'index.ts', line: 2, column: 11 })
    expect(error.message).toContain('Unexpected ;')
  })

  test('a syntax error in a package', async () => {
    write('node_modules/p/index.js', 'export default 1\n}\n')
    const error = await refused("import p from 'p'\nexport default p")
    expect(error.position).toMatchObject({ file: 'node_modules/p/index.js', line: 2 })
  })

  test('an import of what is not there', async () => {
    const error = await refused("\nimport x from './nothing'\nexport default x")
    expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
    expect(error.message).toContain('./nothing')
  })

  test('built-in modules, for quickjs-ng', async () => {
    for (const name of ['node:http2', 'http2', 'node:dgram', 'bun:sqlite', 'bun', 'tls']) {
      const error = await refused(`\nimport * as m from '${name}'\nexport default m`)
      expect(error.message).toContain(name)
      expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
    }
    const bundle = await build("import { sep } from 'node:path'\nexport default sep", 'bun')
    expect(await run(bundle)).toBe('/')
  })

  test('an import by URL', async () => {
    const error = await refused("\nimport x from 'https://example.com/x.js'\nexport default x")
    expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
  })

  test('what would be a file beside the bundle', async () => {
    write('a.other', 'a')
    write('b.txt', 'b')
    write('c.ogg', 'c')
    write('d.png', 'd')
    const imports = [
      "'./a.other'",
      "'./b.txt' with { type: 'file' }",
      "'./c.ogg'",
      "'./d.png' with { type: 'file' }",
    ]
    for (const line of imports) {
      for (const runtime of ['quickjs-ng', 'bun'] as const) {
        const error = await refused(`\nimport x from ${line}\nexport default x`, runtime)
        expect(error.message).toMatch(/one file of code/)
        expect(error.message).toContain("with { type: 'bytes' }")
        expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
      }
    }
  })

  test('everything at once', async () => {
    write('u.xyz', '')
    write('u2.xyz', '')
    write('bad.ts', 'const const = 1')
    write('bad.json', '{')
    write('q.ts', "import 'nopkg2'\nexport const q = 1")
    const error = await refused(`import x from './u.xyz'
import x2 from './u2.xyz'
import { createDiffieHellman } from 'crypto'
import { getCallSites, nope } from 'util'
import './bad'
import tls from 'tls'
import { zzz } from './q'
import y from './nope.sql'
import z from 'nopkg'
import j from './bad.json'
const w = require('dgram')
export default [x, x2, createDiffieHellman, getCallSites, nope, tls, zzz, y, z, j, w]`)
    const all = [error, ...error.others].map(({ message, position }) => {
      const { file, line } = position ?? {}
      return `${file}:${line} ${/'(.+?)'/.exec(message)?.[1] ?? message}`
    })
    expect(all.sort()).toEqual([
      'bad.json:1 Expected "}" but found end of file',
      'bad.ts:1 Expected identifier but found "const"',
      'index.ts:1 ./u.xyz',
      'index.ts:11 dgram',
      'index.ts:2 ./u2.xyz',
      'index.ts:3 node:crypto',
      'index.ts:4 node:util',
      'index.ts:4 node:util',
      'index.ts:6 tls',
      'index.ts:7 No matching export in "q.ts" for import "zzz"',
      'index.ts:8 ./nope.sql',
      'index.ts:9 nopkg',
      'q.ts:1 nopkg2',
    ])
  })

  test('an import that leaves the root, and nothing behind it', async () => {
    const folder = join(project.dir(), 'store/node_modules/p')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'index.js'), "import './a.js'\nimport './none.js'\nexport default 1")
    writeFileSync(join(folder, 'a.js'), "import './b.js'\nimport 'tls'")
    writeFileSync(join(folder, 'b.js'), 'const const = 1')
    write('a.ts', '')
    symlinkSync(join(project.dir(), 'store/node_modules'), join(project.root(), 'node_modules'))
    const error = await refused("\nimport p from 'p'\nexport default p")
    expect(error.message).toContain("'p' lies outside the project root")
    expect(error.position).toEqual({ file: 'index.ts', line: 2, column: 15 })
    expect(error.others).toEqual([])
  })

  test('a database, which would be opened at run time', async () => {
    write('d.sqlite', '')
    const line = "import x from './d.sqlite' with { type: 'sqlite' }"
    for (const runtime of ['quickjs-ng', 'bun'] as const) {
      const error = await refused(`\n${line}\nexport default x`, runtime)
      expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
    }
  })
})

describe('the project root', () => {
  test('is left by no import, by no name and of no kind', async () => {
    const code = join(project.dir(), 'secret.ts')
    const secret = join(project.dir(), 'secret.txt')
    writeFileSync(code, "export default 'secret'")
    writeFileSync(secret, 'secret')
    writeFileSync(join(project.dir(), 'secret.json'), '{"secret":1}')
    mkdirSync(join(project.dir(), 'folder'))
    writeFileSync(join(project.dir(), 'folder/index.js'), 'module.exports = 1')
    symlinkSync(secret, join(project.root(), 'link.txt'))
    symlinkSync(join(project.dir(), 'folder'), join(project.root(), 'linked'))
    mkdirSync(join(project.root(), 'node_modules'))
    symlinkSync(join(project.dir(), 'folder'), join(project.root(), 'node_modules/pack'))
    mkdirSync(join(project.dir(), 'node_modules/hoisted'), { recursive: true })
    writeFileSync(join(project.dir(), 'node_modules/hoisted/index.js'), 'module.exports = 1')
    write('tsconfig.json', '{"compilerOptions":{"paths":{"@out/*":["../*"]}}}')
    const imports = [
      `import s from '${code}'`,
      "import s from '../secret'",
      "import s from '../secret.json'",
      `import s from '${secret}' with { type: 'text' }`,
      "import s from './link.txt' with { type: 'text' }",
      "import s from './link.txt' with { type: 'file' }",
      "import s from './linked'",
      "import s from 'pack'",
      "import s from 'hoisted'",
      "import s from '@out/secret'",
      "const s = require('../secret.json')",
      "const s = await import('../secret')",
      "export * as s from '../secret'\nconst s = 1",
      "import s from '/etc/hostname' with { type: 'text' }",
      "import s from '\\x2e\\u002e/secret'",
    ]
    for (const line of imports) {
      for (const runtime of ['quickjs-ng', 'bun'] as const) {
        const error = await refused(`\n${line}\nexport default s`, runtime)
        expect(error.message).toContain('outside the project root')
        expect(error.message).not.toMatch(/secret'?$/)
        expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
      }
    }
  }, 60_000)

  test('is left by no file inside it either, and that file is the one named', async () => {
    writeFileSync(join(project.dir(), 'secret.ts'), "export default 'secret'")
    write('lib/a.ts', "// '../../secret' is far\n\nexport { default } from '../../secret'\n")
    const error = await refused("import a from './lib/a'\nexport default a")
    expect(error.position).toMatchObject({ file: 'lib/a.ts', line: 3 })
  })

  test('an installed package imports no file of the project, nor does anybody one of .git', async () => {
    const pack = 'node_modules/evil'
    write('secrets.json', '{"key":"hunter2"}')
    write('.git/config.json', '{"password":"hunter2"}')
    write('packages/linked/index.js', 'export const linked = 1')
    write(
      `${pack}/package.json`,
      '{"name":"evil","exports":{".":"./index.js","./self":"./link.json"},"imports":{"#s":"./link.json"}}',
    )
    symlinkSync('../../secrets.json', join(project.root(), pack, 'link.json'))
    symlinkSync('../packages/linked', join(project.root(), 'node_modules/linked'))
    const imports = [
      "import s from '../../secrets.json'",
      "import s from '../../secrets.json' with { type: 'text' }",
      `import s from '${join(project.root(), 'secrets.json')}'`,
      "import s from './link.json'",
      "import s from '#s'",
      "import s from 'evil/self'",
      "import s from 'linked/../../secrets.json'",
      "const s = require('../../packages/linked')",
    ]
    for (const line of imports) {
      write(`${pack}/index.js`, `\n${line}\nexport default s`)
      const error = await refused("import s from 'evil'\nexport default s")
      expect(error.message).toMatch(/may not import|not installed|was not found|has nothing at/)
      expect(error.message).not.toContain('hunter2')
      expect(error.position).toMatchObject({ file: `${pack}/index.js`, line: 2 })
    }
    write(`${pack}/index.js`, "export { linked as default } from 'linked'")
    expect(await run(await build("import s from 'evil'\nexport default s"))).toBe(1)
    const git = await refused("import s from './.git/config.json'\nexport default s")
    expect(git.message).toContain('lies in .git')
  }, 20_000)

  test('keeps what lies outside unread in an error', async () => {
    writeFileSync(join(project.dir(), 'passwords.ts'), 'root hunter2 ;')
    const error = await refused("import '../passwords'\nexport default 1")
    expect(error.message).toContain('outside')
    expect(error.message).not.toContain('hunter2')
  })
})

describe('nothing of the folder runs while it is bundled', () => {
  const marker = () => join(project.dir(), 'ran')
  const touch = () => `;(await import('node:fs')).writeFileSync(${JSON.stringify(marker())}, 'x')`

  test('macros are refused, by attribute, by prefix and by package.json', async () => {
    write('macro.ts', `export async function m() { ${touch()}; return 1 }`)
    const imports = ["from './macro.ts' with { type: 'macro' }", "from 'macro:./macro.ts'"]
    for (const line of imports) {
      const error = await refused(`import { m } ${line}\nexport default m()\n`)
      expect(error.message).toContain('Macros are disabled')
      expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
      // What looks for more errors does not run them either.
      await refused(`import { m } ${line}\ntry { require('tls') } catch {}\nexport default m()\n`)
    }
    write(
      'package.json',
      '{"bun":{"macros":{"pack":{"m":"./macro.ts"}}},"macros":{"pack":{"m":"./macro.ts"}}}',
    )
    write('node_modules/pack/index.js', 'export const m = () => 42')
    await build("import { m } from 'pack'\nexport default m()")
    expect(existsSync(marker())).toBe(false)
  })

  test('bunfig.toml and .env are not read, and no variable is put into the bundle', async () => {
    write('preload.ts', touch())
    write('bunfig.toml', 'preload = ["./preload.ts"]\n[define]\n"process.env.A" = "\'defined\'"\n')
    write('.env', 'LEAKED=yes\nA=yes\n')
    process.env.FUNCTIONS_BUILD_TEST = 'leaked'
    const names = ['LEAKED', 'A', 'FUNCTIONS_BUILD_TEST', 'HOME']
    const bundle = await build(`export default [${names.map((n) => `process.env.${n}`)}]`)
    delete process.env.FUNCTIONS_BUILD_TEST
    for (const name of names) {
      expect(text(bundle)).toContain(`process.env.${name}`)
    }
    expect(text(bundle)).not.toContain('leaked')
    expect(existsSync(marker())).toBe(false)
  })
})

describe('the place of an import', () => {
  test('is where it is imported, not where its name stands first', () => {
    const source = "// './a'\nconst s = './a'\nimport x from \"./a\"\n"
    expect(findImport(source, './a')).toEqual({ line: 3, column: 15 })
    expect(findImport("const x = require('./b')", './b')).toEqual({ line: 1, column: 19 })
    expect(findImport('nothing of it', './c')).toEqual({ line: 1, column: 1 })
  })
})
