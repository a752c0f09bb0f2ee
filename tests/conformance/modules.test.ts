/** What a bundle makes of modules and files, in the real workers of both runtimes. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are in the code under test
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buildBundle } from '../../src/bundles/build.ts'
import { findProject } from '../../src/bundles/project.ts'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import { call, makeSpec, openFactory, RUNTIMES, start } from './harness.ts'

const fixture = openFactory()
afterAll(() => fixture.close())

const BYTES = Uint8Array.from({ length: 256 }, (_, i) => i)
const FILES: Record<string, string | Uint8Array> = {
  'package.json': '{"name":"tenant"}',
  'src/pages/home.ts': "export default 'home'; export const url = import.meta.url",
  'src/pages/admin/users.tsx': "export default 'users'",
  'src/pages/data.json': '{"n":7}',
  'src/pages/text.md': '# text',
  'src/pages/image.png': BYTES,
  'src/pages/deep/er/than.ts':
    'export default async (name: string) => (await import(`../../../other/${name}.ts`)).default',
  'src/other/leaf.ts': "export default 'leaf of ' + import.meta.url",
  'src/other/broken.ts': "throw new RangeError('while it loads')",
  'src/lib/where.ts':
    'export const where = () => [import.meta.url, import.meta.dirname, import.meta.filename, __dirname, __filename]',
  'src/notes/a.txt': 'a: é€😀\r\n',
  'src/notes/b.bin': BYTES,
  'src/notes/empty.txt': '',
  'src/notes/page.html': '<p>\u2028${not} `a` template</p>',
  'src/notes/style.css': 'p { color: red }',
  'src/notes/query.sql': "select 'x'\n",
  'src/notes/doc.md': '# Title\n',
  'src/notes/shape.svg': '<svg/>',
  'src/notes/module.wasm': new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]),
  'src/notes/letters.json': '{"a":1}',
  'src/notes/config.conf': '{"c":2}',
  'node_modules/pack/package.json': '{"name":"pack","version":"1.0.0","exports":"./index.js"}',
  'node_modules/pack/index.js':
    "export const url = import.meta.url; export const data = new URL('./data.bin', import.meta.url)",
  'node_modules/pack/data.bin': new Uint8Array([9, 8, 7]),
}

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-modules-'))
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), content)
  }
})
afterEach(() => rmSync(dir, { recursive: true }))

describe.each(RUNTIMES)('%s', (runtime) => {
  /** Runs the body of an async handler; `top` are imports. */
  async function run(top: string, body: string, capabilities: Partial<Capabilities> = {}) {
    const entry = join(dir, 'src/index.ts')
    writeFileSync(
      entry,
      `${top}\nexport default async () => { const value = await (async () => { ${body} })(); return Response.json(value === undefined ? null : value) }\n`,
    )
    const all = makeSpec(runtime, '', { capabilities }).capabilities
    const { code } = await buildBundle(findProject(entry), runtime, all)
    const source = new TextDecoder().decode(code)
    const { worker } = await start(fixture.factory, runtime, source, { capabilities })
    const answer = await call(worker, { deadlineMs: 30_000 })
    worker.kill(new Error('over') as never)
    if (answer.error !== undefined) throw answer.error
    return JSON.parse(answer.body.toString())
  }

  const failed = '(error) => [error.name, error.code, error.message]'

  describe('an import() of a name that is only known at run time', () => {
    test('loads what matches: templates, sums, folders, names of compiled files', async () => {
      const found = await run(
        `const by = {
          template: (p) => import(\`./pages/\${p}.ts\`),
          sum: (p) => import('./pages/' + p + '.tsx'),
          any: (p) => import('./pages/' + p),
          two: (p, q) => import(\`./\${p}/\${q}.ts\`),
          compiled: (p) => import(\`./pages/\${p}.js\`),
          computed: (list) => import('./pages/' + list.map((x) => x.replace(/['"\`)]/g, '')).join('/') + '.ts'),
          part: (p) => import(\`./pages/ho\${p}.ts\`),
        }`,
        `const all = [
          by.template('home'), by.sum('admin/users'), by.any('data.json'), by.any('text.md'), by.any('home'),
          by.two('pages', 'home'), by.compiled('home'), by.computed(["h'o)me"]), by.part('me'),
        ]
        return (await Promise.all(all)).map((module) => module.default)`,
      )
      const home = 'home'
      expect(found).toEqual([home, 'users', { n: 7 }, '# text', home, home, home, home, home])
    }, 60_000)

    test('loads a module once, and its url is its own', async () => {
      const found = await run(
        "import * as home from './pages/home'",
        `const load = (p) => import(\`./pages/\${p}.ts\`)
        const [one, two] = [await load('home'), await load('home')]
        return [one.default === two.default, one.url === home.url, one.url]`,
      )
      expect(found).toEqual([true, true, 'file:///function/src/pages/home.ts'])
    }, 60_000)

    test('loads modules with such an import of their own', async () => {
      const found = await run(
        '',
        `const { default: load } = await import('./pages/' + 'deep/er/than'.slice(0) + '.ts')
        return load('leaf')`,
      )
      expect(found).toBe('leaf of file:///function/src/other/leaf.ts')
    }, 60_000)

    test('gives bytes and text by the ending or by the attribute', async () => {
      const found = await run(
        `const image = (p) => import(\`./pages/\${p}.png\`)
        const text = (p) => import(\`./notes/\${p}\`, { with: { type: 'text' } })
        const bytes = (p) => import(\`./pages/\${p}.md\`, { with: { type: 'bytes' } })`,
        `return [[...(await image('image')).default].length, (await text('config.conf')).default,
          [...(await bytes('text')).default]]`,
      )
      expect(found).toEqual([256, '{"c":2}', [...Buffer.from('# text')]])
    }, 60_000)

    test('rejects what matches nothing, and what throws', async () => {
      const found = await run(
        'const load = (p) => import(`./other/${p}.ts`)',
        `const one = async (p) => {
          let module
          try { module = load(p) } catch { return 'thrown at once' }
          return module.catch(${failed})
        }
        return [await one('nothing'), await one('../pages/home'), await one('__proto__'),
          await one({ toString() { throw new TypeError('no text') } }), await one('broken')]`,
      )
      const missing = (name: string) =>
        `Cannot find module './other/${name}.ts' imported from src/index.ts: the bundle has only the files that matched './other/**/*.ts' when it was deployed`
      expect(found.slice(0, 3)).toEqual(
        ['nothing', '../pages/home', '__proto__'].map((name) => [
          'Error',
          'ERR_MODULE_NOT_FOUND',
          missing(name),
        ]),
      )
      expect(found[3]).toEqual('thrown at once')
      expect(found[4]).toEqual(['RangeError', null, 'while it loads'])
    }, 60_000)
  })

  describe('import.meta', () => {
    test('has the place of its own module', async () => {
      const found = await run(
        "import { where } from './lib/where'\nimport { url } from 'pack'",
        `return [where(), import.meta.url, import.meta.filename, url, typeof __dirname, import.meta === import.meta,
          Object.getPrototypeOf(import.meta), import.meta.main, 'import.meta.url __dirname'.length]`,
      )
      const lib = '/function/src/lib'
      expect(found).toEqual([
        [`file://${lib}/where.ts`, lib, `${lib}/where.ts`, lib, `${lib}/where.ts`],
        'file:///function/src/index.ts',
        '/function/src/index.ts',
        'file:///function/node_modules/pack/index.js',
        ...['string', true, null, false, 25],
      ])
    }, 60_000)

    test('resolves URLs and relative paths, and refuses packages', async () => {
      const found = await run(
        '',
        `return ['./a.ts', '../b', '/c', 'https://h.test/x', 'node:fs', ''].map((name) => {
          try { return import.meta.resolve(name) } catch (error) { return error.code }
        }).concat([(() => { try { return import.meta.resolve('pack') } catch (error) { return error.message } })()])`,
      )
      expect(found.slice(0, 5)).toEqual([
        'file:///function/src/a.ts',
        'file:///function/b',
        'file:///c',
        'https://h.test/x',
        'node:fs',
      ])
      expect(found[5]).toBe('ERR_MODULE_NOT_FOUND')
      expect(found[6]).toContain("Cannot resolve 'pack'")
    }, 60_000)
  })

  describe('new URL of a file', () => {
    test('is fetched with its bytes and type, as often as it is wanted', async () => {
      const found = await run(
        "import { data } from 'pack'",
        `const take = async (url) => { const r = await fetch(url); return [r.status, r.headers.get('content-type'), [...await r.bytes()]] }
        const text = new URL('./notes/a.txt', import.meta.url)
        const first = await take(text)
        return [first, await take(text.href), await take(new Request(text)), await take(text + '?v=1#x'),
          await take(new URL('notes/b.bin', import.meta.url)), await take(new URL("./notes/empty.txt", import.meta.url)),
          await take(new URL(\`./notes/page.html\`, import.meta.url)), await take(data),
          (await (await fetch(new URL('./notes/letters.json', import.meta.url))).json()).a]`,
      )
      const a = [200, 'text/plain;charset=utf-8', [...Buffer.from(FILES['src/notes/a.txt'] ?? '')]]
      expect(found.slice(0, 4)).toEqual([a, a, a, a])
      expect(found.slice(4)).toEqual([
        [200, 'application/octet-stream', [...BYTES]],
        [200, 'text/plain;charset=utf-8', []],
        [200, 'text/html;charset=utf-8', [...Buffer.from(FILES['src/notes/page.html'] ?? '')]],
        [200, 'application/octet-stream', [9, 8, 7]],
        1,
      ])
    }, 60_000)

    test('matches files where a part of its path is only known at run time', async () => {
      const found = await run(
        "const url = (name) => new URL(`./notes/${name}.txt`, import.meta.url), more = (name) => new URL('./pages/' + name, import.meta.url)",
        `return [await (await fetch(url('a'))).text(), await (await fetch(more('text.md'))).text()]`,
      )
      expect(found).toEqual([FILES['src/notes/a.txt'], '# text'])
    }, 60_000)

    test('an answer is a copy: changing it changes no other', async () => {
      const found = await run(
        '',
        `const url = new URL('./notes/b.bin', import.meta.url)
        const one = await (await fetch(url)).bytes()
        one.fill(255)
        return (await (await fetch(url)).bytes())[1]`,
      )
      expect(found).toBe(1)
    }, 60_000)

    test('another file: URL is no asset', async () => {
      const found = await run(
        "const known = new URL('./notes/a.txt', import.meta.url)",
        `const urls = ['file:///etc/passwd', new URL('../b.bin', known), 'file:///function/src/index.ts', 'file:///function/src/notes/../../../etc/passwd']
        return await Promise.all(urls.map((url) => fetch(url).then(() => 'fetched', (error) => error.name)))`,
      )
      expect(found).toEqual(Array(4).fill('TypeError'))
    }, 60_000)

    test('is read by node:fs', async () => {
      const found = await run(
        `import fs, { existsSync, readFile, readFileSync } from 'node:fs'
        import { readFile as read } from 'node:fs/promises'
        import { fileURLToPath } from 'node:url'
        const url = new URL('./notes/a.txt', import.meta.url)`,
        `const path = fileURLToPath(url)
        const told = await new Promise((resolve, reject) => readFile(url, 'utf8', (error, text) => error ? reject(error) : resolve(text)))
        let missing
        try { readFileSync(path + '.not', 'utf8') } catch (error) { missing = error.code }
        return [readFileSync(url, 'utf8'), readFileSync(path).length, await read(path, { encoding: 'utf8' }), told,
          await fs.promises.readFile(url, 'latin1').then((text) => text.length), fs.readFileSync(path, 'utf8').length,
          existsSync(url), existsSync(path + '.not'), missing]`,
        { allowFilesystem: true, allowedPaths: [] },
      )
      const text = FILES['src/notes/a.txt'] as string
      const size = Buffer.byteLength(text)
      expect(found).toEqual([text, size, text, text, size, text.length, true, false, 'ENOENT'])
    }, 60_000)
  })

  describe('an import of a file that is no script', () => {
    test('is text or bytes by its ending', async () => {
      const names = ['page.html', 'style.css', 'query.sql', 'doc.md', 'shape.svg', 'a.txt']
      const imports = names.map((name, i) => `import t${i} from './notes/${name}'`)
      const found = await run(
        `${imports.join('\n')}
        import wasm from './notes/module.wasm'
        import bin from './notes/b.bin'
        import image from './pages/image.png'`,
        `return [[${names.map((_, i) => `t${i}`)}], [wasm, bin, image].map((bytes) => [bytes instanceof Uint8Array, [...bytes]])]`,
      )
      expect(found[0]).toEqual(names.map((name) => FILES[`src/notes/${name}`]))
      expect(found[1]).toEqual([
        [true, [0, 97, 115, 109, 1, 0, 0, 0]],
        [true, [...BYTES]],
        [true, [...BYTES]],
      ])
    }, 60_000)

    test('is what its attribute says', async () => {
      const found = await run(
        `import bytes from './notes/a.txt' with { type: 'bytes' }
        import json from './notes/config.conf' with { type: 'json' }
        import text from './notes/letters.json' with { type: 'text' }
        import code from './lib/where.ts' with { type: 'text' }`,
        `const later = await import('./notes/doc.md', { with: { type: 'bytes' } })
        return [[...bytes], json, text, code.slice(0, 12), [...later.default].length]`,
      )
      expect(found).toEqual([
        [...Buffer.from(FILES['src/notes/a.txt'] ?? '')],
        { c: 2 },
        '{"a":1}',
        'export const',
        8,
      ])
    }, 60_000)
  })

  describe('createRequire of the module itself', () => {
    test('requires files, packages and modules of Node that are in the bundle', async () => {
      const found = await run(
        `import { createRequire } from 'node:module'
         import { createRequire as make } from 'module'
         import * as all from 'node:module'
         const require = createRequire(import.meta.url)
         const other = make(import.meta.filename)
         const $third: NodeRequire = all.createRequire(import.meta.url)`,
        `return [require('./notes/letters.json'), other('pack').data.pathname.endsWith('data.bin'), $third('path').join('a', 'b'),
           createRequire(import.meta.url)('./other/leaf.ts').default.startsWith('leaf')]`,
      )
      expect(found).toEqual([{ a: 1 }, true, 'a/b', true])
    })

    test('of a package, and what it handles if it is not installed', async () => {
      const folder = join(dir, 'node_modules/esm')
      mkdirSync(folder)
      writeFileSync(
        join(folder, 'package.json'),
        '{"name":"esm","version":"1.2.3","type":"module","main":"index.js"}',
      )
      writeFileSync(
        join(folder, 'index.js'),
        `import{createRequire as t}from"module";var e=t(import.meta.url);
         export const version = e('./package.json').version
         export let optional = 'none'
         try { optional = e('not-installed') } catch (error) { optional = error.code }`,
      )
      const found = await run("import * as esm from 'esm'", 'return [esm.version, esm.optional]')
      expect(found[0]).toBe('1.2.3')
      expect(found[1]).toContain('MODULE_NOT_FOUND')
    })
  })
})
