// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are in the code under test
import { describe, expect, test } from 'bun:test'
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { STRICT, useProject } from '../testing/bundle-fixture.ts'
import { buildBundle } from './build.ts'
import { MAX_ASSET_BYTES, MAX_ASSETS_BYTES, MAX_MATCHES } from './bundler/asset-types.ts'
import { findProject } from './project.ts'
import { stackMapper } from './source-map.ts'

const project = useProject()
const { build, refused, text, write } = project
const RUNTIMES = ['quickjs-ng', 'bun'] as const

/** A sparse file of this size. */
function writeLarge(name: string, bytes: number): void {
  truncateSync(write(name, ''), bytes)
}

describe('a bundle', () => {
  test('that names no module and no file has nothing added', async () => {
    const bundle = await build('export default () => 1')
    expect(text(bundle)).toStartWith('// index.ts\n')
  })

  test('as a whole is limited to 40 MiB', async () => {
    write('large.txt', 'x'.repeat(40 * 2 ** 20))
    const error = await refused("import t from './large.txt'\nexport default () => t")
    expect(error.message).toMatch(/^The bundle has \d+ bytes; the limit is 41943040 bytes/)
  }, 60_000)

  test('with places of modules is the same wherever it lies', async () => {
    const files = {
      'package.json': '{}',
      'index.ts':
        "import bytes from './b.bin'\nimport { u } from './lib/m'\nexport default [import.meta.url, u, __dirname, bytes, new URL('./t.txt', import.meta.url), (p) => import(`./lib/${p}.ts`)]",
      'lib/m.ts': 'export const u = import.meta.filename',
      'b.bin': '\0',
      't.txt': 'text',
    }
    for (const runtime of RUNTIMES) {
      const [one, two] = await Promise.all(
        ['here', 'there/deeper'].map((folder) => {
          for (const [name, content] of Object.entries(files)) {
            mkdirSync(join(project.dir(), folder, runtime, 'lib'), { recursive: true })
            writeFileSync(join(project.dir(), folder, runtime, name), content)
          }
          const entry = join(project.dir(), folder, runtime, 'index.ts')
          return buildBundle(findProject(entry), runtime, STRICT)
        }),
      )
      expect(text(one as never)).toBe(text(two as never))
      expect(text(one as never)).not.toContain(project.dir())
      expect(new TextDecoder().decode(one?.map)).toBe(new TextDecoder().decode(two?.map))
    }
  })

  test('keeps texts, methods and properties that only look like such a place', async () => {
    const source = `const s = "import.meta.url import(x)", t = \`\${s} import(\${s}) import.meta\`, r = /import\\(x\\)/
      const o = { import(x) { return x }, a: 1 }
      class C { import(x) { return x } static import(y, z = ')') { return y } get #import() { return 1 } }
      export default [s, t, r.source, o.import(1), new C().import(2), C.import(3), o?.import(4)]`
    for (const runtime of RUNTIMES) {
      const bundle = await build(source, runtime)
      expect(bundle.warnings).toEqual([])
      const s = 'import.meta.url import(x)'
      const expected = [s, `${s} import(${s}) import.meta`, 'import\\(x\\)', 1, 2, 3, 4]
      expect(await project.run(bundle)).toEqual(expected)
    }
  })

  test('has a map that leads to the sources, behind what was added', async () => {
    write('pages/a.ts', 'export default 1')
    write('t.txt', 't')
    const source =
      "const where = import.meta.url\nexport const page = (p: string) => import(`./pages/${p}.ts`)\nexport const at = new URL('./t.txt', import.meta.url)\nexport const fail = () => { throw new Error(where) }\n"
    for (const runtime of RUNTIMES) {
      const bundle = await build(source, runtime)
      const lines = text(bundle).split('\n')
      const line = lines.findIndex((part) => part.includes('throw new Error(where)')) + 1
      const column = (lines[line - 1] ?? '').indexOf('throw') + 1
      const map = stackMapper(() => bundle.map)
      expect(map(`    at fail (bundle.js:${line}:${column})`)).toBe('    at fail (index.ts:4:29)')
    }
  })

  test('runs in the order of its imports with a module that is loaded by a glob, too', async () => {
    write('log.ts', 'export const log: string[] = []')
    write('pages/a.ts', "import { log } from '../log'\nlog.push('a')")
    write('pages/b.ts', "import { log } from '../log'\nlog.push('b')")
    const bundle = await build(`import { log } from './log'
      import './pages/a'
      log.push('entry')
      await import('./pages/' + ['a', 'b'].at(1) + '.ts')
      export default log`)
    expect(await project.run(bundle)).toEqual(['a', 'entry', 'b'])
  })
})

describe('an import() of an unknown name', () => {
  test('is warned of with its place, where the bundle cannot contain what it names', async () => {
    const sources = [
      'import(name)',
      'import(`${name}/x.ts`)',
      "import('pack/' + name)",
      'import(`/etc/${name}`)',
    ]
    for (const runtime of RUNTIMES) {
      for (const source of sources) {
        const bundle = await build(
          `const name = String(Date.now())\nexport default () => ${source}\n`,
          runtime,
        )
        expect(bundle.warnings).toEqual([
          expect.objectContaining({
            file: 'index.ts',
            line: 2,
            message: expect.stringContaining('only known at run time'),
          }),
        ])
      }
    }
  })

  test('is warned of where nothing matches', async () => {
    write('pages/readme', 'no ending with a rule')
    write('pages/types.d.ts', 'export type A = 1')
    for (const source of [
      'import(`./none/${p}.ts`)',
      "import('./pages/' + p)",
      'import(`./pages/${p}.mts`)',
    ]) {
      const { warnings } = await build(`export default (p: string) => ${source}`)
      expect(warnings.map(({ message }) => message)).toEqual([
        expect.stringContaining('matches no file'),
      ])
    }
  })

  test('takes no file of node_modules, no hidden one, and follows no link to a folder', async () => {
    write('lib/a.ts', "export default 'a'")
    write('lib/.hidden.ts', "export default 'SECRET'")
    write('lib/.git/c.ts', "export default 'SECRET'")
    write('lib/node_modules/p/index.ts', "export default 'SECRET'")
    mkdirSync(join(project.dir(), 'outside'))
    writeFileSync(join(project.dir(), 'outside/x.ts'), "export default 'SECRET'")
    symlinkSync(join(project.dir(), 'outside'), join(project.root(), 'lib/linked'))
    const bundle = await build('export default (p: string) => import(`./lib/${p}.ts`)')
    expect(text(bundle)).not.toContain('SECRET')
    expect(text(bundle)).toContain('"./lib/a.ts"')
  })

  test('is refused where it leaves the project root', async () => {
    writeFileSync(join(project.dir(), 'secret.ts'), "export default 'SECRET'")
    write('lib/a.ts', '')
    symlinkSync(join(project.dir(), 'secret.ts'), join(project.root(), 'lib/link.ts'))
    symlinkSync(project.dir(), join(project.root(), 'above'))
    for (const runtime of RUNTIMES) {
      for (const source of [
        'import(`../${p}.ts`)',
        "import('./lib/' + p)",
        'import(`./above/${p}.ts`)',
        'import(`./lib/../../${p}.ts`)',
      ]) {
        const error = await refused(`\nexport default (p: string) => ${source}`, runtime)
        expect(error.message).toContain('outside the project root')
        expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
      }
    }
  })

  test('of a package takes no file of the project', async () => {
    write('node_modules/pack/index.js', 'export default (p) => import(`../../lib/${p}.ts`)')
    write('lib/secret.ts', "export default 'SECRET'")
    const bundle = await build("import load from 'pack'\nexport default load")
    expect(text(bundle)).not.toContain('SECRET')
  })

  test('may match many files, and not more', async () => {
    for (let i = 0; i <= MAX_MATCHES; i++) write(`many/${i}.txt`, '')
    const error = await refused('export default (p: string) => import(`./many/${p}.txt`)')
    expect(error.message).toContain(`more than ${MAX_MATCHES} files`)
    expect(error.position).toEqual({ file: 'index.ts', line: 1, column: 31 })
  }, 60_000)
})

describe('an asset', () => {
  test('that does not exist is warned of', async () => {
    const { warnings } = await build(
      "export default [new URL('./none.txt', import.meta.url), new URL('x/y.wasm?v=1', import.meta.url)]",
    )
    expect(
      warnings.map(({ message, line, column }) => [message.slice(0, 40), line, column]),
    ).toEqual([
      ["'./none.txt' is not part of the bundle: ", 1, 39],
      ["'x/y.wasm?v=1' is not part of the bundle".slice(0, 40), 1, 81],
    ])
  })

  test('is no folder, no URL, and no path of the machine', async () => {
    write('folder/a.txt', 'SECRET')
    const bundle =
      await build(`export default ['.', './', './folder', './folder/', '..', '/etc/hostname', 'https://h.test/a.txt', 'data:,x', '#a', '?b']
      .map(String).concat([new URL('.', import.meta.url), new URL('./folder', import.meta.url), new URL('..', import.meta.url), new URL('/etc/hostname', import.meta.url),
      new URL('https://h.test/a.txt', import.meta.url), new URL('data:,x', import.meta.url), new URL('#a', import.meta.url), new URL('?b', import.meta.url)].map(String))`)
    expect(bundle.warnings).toEqual([])
    expect(text(bundle)).not.toContain('fn:assets')
    expect(text(bundle)).not.toContain('SECRET')
  })

  test('lies inside of the project root, whatever its name is', async () => {
    writeFileSync(join(project.dir(), 'secret.txt'), 'SECRET')
    symlinkSync(join(project.dir(), 'secret.txt'), join(project.root(), 'link.txt'))
    symlinkSync(project.dir(), join(project.root(), 'above'))
    write('.git/config', 'SECRET')
    const names = [
      '../secret.txt',
      './link.txt',
      './above/secret.txt',
      '%2e%2e/secret.txt',
      './x/../../secret.txt',
      './.git/config',
    ]
    for (const runtime of RUNTIMES) {
      for (const name of names) {
        const error = await refused(`\nexport default new URL('${name}', import.meta.url)`, runtime)
        expect(error.message).toMatch(/outside the project root|lies in \.git/)
        expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
      }
    }
  })

  test('of a package is a file of a package', async () => {
    write('secret.txt', 'SECRET')
    write('node_modules/p/index.js', "export default new URL('../../secret.txt', import.meta.url)")
    const error = await refused("import p from 'p'\nexport default p")
    expect(error.message).toContain('an installed package may not import')
    expect(error.position).toMatchObject({ file: 'node_modules/p/index.js', line: 1 })
  })

  test('has a size limit, alone and with others', async () => {
    writeLarge('large.bin', MAX_ASSET_BYTES + 1)
    const alone = await refused("export default new URL('./large.bin', import.meta.url)")
    expect(alone.message).toContain(`an asset may have ${MAX_ASSET_BYTES}`)
    const count = Math.floor(MAX_ASSETS_BYTES / MAX_ASSET_BYTES) + 1
    for (let i = 0; i < count; i++) writeLarge(`part${i}.bin`, MAX_ASSET_BYTES)
    const together = await refused(
      'export default (i: number) => new URL(`./part${i}.bin`, import.meta.url)',
    )
    expect(together.message).toContain(`may have ${MAX_ASSETS_BYTES} bytes together`)
  }, 60_000)

  test('is a regular file', async () => {
    Bun.spawnSync(['mkfifo', join(project.root(), 'pipe.txt')])
    const error = await refused("export default new URL('./pipe.txt', import.meta.url)")
    expect(error.message).toContain('is not a regular file')
  })
})

test('a require of a name that is not known, and require.resolve, warn and fail with a code', async () => {
  write('p.cjs', 'module.exports = 1')
  const source = `const name = globalThis.anything ?? 'x'
exports.default = [
  () => require('./pages/' + name + '.ts'),
  () => require(name),
  () => require.resolve('./p.cjs'),
  () => require.resolve(name),
  () => { try { require.resolve('none') } catch (e) { throw e } },
  () => require('./p.cjs'),
]`
  write('m.cjs', source)
  for (const runtime of RUNTIMES) {
    const bundle = await build("import m from './m.cjs'\nexport default m.default", runtime)
    expect(
      bundle.warnings.map(({ line, places }) => [line, places.map((each) => each.line)]),
    ).toEqual([
      [3, [4]],
      [5, [6]],
    ])
    expect(
      bundle.warnings.map(({ message }) => /^[\w.]+\(\)|This \w+\(\)/.exec(message)?.[0]),
    ).toEqual(['This require()', 'require.resolve()'])
    expect(text(bundle)).not.toContain(project.dir())
    const results = ((await project.run(bundle)) as (() => unknown)[]).map((each) => {
      try {
        return each()
      } catch (error) {
        return (error as { code?: string }).code
      }
    })
    if (runtime === 'quickjs-ng') expect(results).toEqual([...Array(5).fill('MODULE_NOT_FOUND'), 1])
  }
})

describe('an import of bytes', () => {
  test('lies inside of the project root', async () => {
    writeFileSync(join(project.dir(), 'secret.bin'), 'SECRET')
    symlinkSync(join(project.dir(), 'secret.bin'), join(project.root(), 'link.bin'))
    for (const runtime of RUNTIMES) {
      for (const line of [
        "import s from '../secret.bin'",
        "import s from './link.bin'",
        "import s from './link.bin' with { type: 'bytes' }",
        "const s = await import('../secret.bin')",
        "const s = require('../secret.bin')",
      ]) {
        const error = await refused(`\n${line}\nexport default s`, runtime)
        expect(error.message).toContain('outside the project root')
        expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
      }
    }
  })

  test('has a size limit', async () => {
    writeLarge('large.bin', MAX_ASSET_BYTES + 1)
    const error = await refused("import s from './large.bin'\nexport default s")
    expect(error.message).toContain(`an import of bytes may have ${MAX_ASSET_BYTES}`)
  })

  test('of what is not there is an error with its place', async () => {
    const error = await refused("\nimport s from './none.bin'\nexport default s")
    expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
    expect(error.message).toContain('./none.bin')
  })

  test('and as text takes any file by its attribute, once or twice, beside the module itself', async () => {
    const latin = Buffer.from('caf\u00e9', 'latin1')
    for (const name of ['u.xyz', 'p.png', 'p.txt', 'LICENSE']) {
      writeFileSync(write(name, ''), latin)
    }
    write('a.ts', 'export const a = 1')
    write('b.png', '{"b":2}')
    const source = `
      import u from './u.xyz' with { type: 'bytes' }
      import v from "./u.xyz" with {
        "type": "text",
      }
      import { a } from './a.ts'; import code from './a.ts' with { type: 'text' }
      import l from './LICENSE' with { type: 'bytes' }
      import p from './p.png' with { type: 'text' }
      import q from './p.txt'
      import b from './b.png' with { type: 'json' }
      const x = import('./a.ts', { with: { type: 'bytes' } }), y = new Error('x').stack
      const text = async (list) => list.map((one) => (typeof one === 'string' ? one : Array.from(one).length))
      export default async () => [...(await text([u, v, code, l, p, q, (await x).default])), a, b.b]`
    for (const runtime of RUNTIMES) {
      const bundle = await build(source, runtime)
      expect(text(bundle)).not.toContain(project.dir())
      expect(await ((await project.run(bundle)) as () => unknown)()).toEqual([
        ...[4, 'caf\ufffd', 'export const a = 1', 4, 'caf\ufffd', 'caf\ufffd', 18],
        ...[1, 2],
      ])
    }
  })

  test('names the file as the source does, if it is not there', async () => {
    const error = await refused(
      "import a from './none.xyz' with { type: 'bytes' }\nimport b from './none.ts' with { type: 'text' }\nexport default [a, b]",
    )
    expect([error, ...error.others].map(({ message, position }) => [message, position])).toEqual([
      [
        expect.stringMatching(/^'.\/none.xyz' was not found/),
        { file: 'index.ts', line: 1, column: 15 },
      ],
      [
        expect.stringMatching(/^'.\/none.ts' was not found/),
        { file: 'index.ts', line: 2, column: 15 },
      ],
    ])
    const bundle = await build(
      "export default () => import('./none.xyz', { with: { type: 'bytes' } }).catch((e) => e.code)",
    )
    expect(await ((await project.run(bundle)) as () => unknown)()).toBe('MODULE_NOT_FOUND')
  })

  test('follows the paths of tsconfig.json', async () => {
    write('tsconfig.json', '{"compilerOptions":{"paths":{"@files/*":["./files/*"]}}}')
    write('files/a.bin', 'bytes')
    write('files/LICENSE', 'licence')
    const bundle = await build(
      "import a from '@files/a.bin'\nimport l from './files/LICENSE' with { type: 'bytes' }\nexport default [a, l]",
    )
    const [a, l] = (await project.run(bundle)) as Uint8Array[]
    expect([
      Buffer.from(a as Uint8Array).toString(),
      Buffer.from(l as Uint8Array).toString(),
    ]).toEqual(['bytes', 'licence'])
  })
})
