/** tsconfig.json in every form that TypeScript has, and what is wrong with one. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { FunctionError } from '../errors.ts'
import { STRICT } from '../testing/bundle-fixture.ts'
import { buildBundle } from './build.ts'
import { findProject } from './project.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-tsconfig-'))
  write('package.json', '{"workspaces":["packages/*"]}')
  write('packages/api/package.json', '{"name":"api"}')
  write('packages/api/src/lib/one.ts', "export const one = 'one'")
})
afterEach(() => rmSync(dir, { recursive: true }))

function write(name: string, content: string | object): string {
  const path = join(dir, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

/** TypeScript replaces it by the folder of the tsconfig.json that is not extended itself. */
const CONFIG_DIR = '$'.concat('{configDir}')
const INDEX = 'packages/api/src/index.ts'

async function build(source: string, index = INDEX, runtime: 'bun' | 'quickjs-ng' = 'quickjs-ng') {
  const project = findProject(write(index, source))
  return new TextDecoder().decode((await buildBundle(project, runtime, STRICT)).code)
}

async function value(source: string): Promise<unknown> {
  const path = write(`out-${crypto.randomUUID()}.mjs`, await build(source))
  return (await import(path)).default
}

async function refused(source = IMPORT, index = INDEX): Promise<FunctionError> {
  const error = await build(source, index).then(
    () => undefined,
    (cause: FunctionError) => cause,
  )
  expect(error?.code).toBe('BUNDLE_REFUSED')
  return error as FunctionError
}

const IMPORT = "import { one } from '@lib/one'\nexport default one"
/** The paths of a file in `levels` folders below packages/api. */
const paths = (up: string) => ({ compilerOptions: { paths: { '@lib/*': [`${up}src/lib/*`] } } })
const tsconfig = (content: string | object) => write('packages/api/tsconfig.json', content)

describe('extends', () => {
  const forms: [string, () => unknown][] = [
    ['a path', () => './config/base.json'],
    ['a path without its ending', () => './config/base'],
    ['an absolute path', () => join(dir, 'packages/api/config/base.json')],
    ['a path that leads up', () => '../api/config/base'],
    ['a nested one', () => './config/nested'],
    ['a list, of which the last counts', () => ['./config/other.json', './config/base']],
    ['an empty list beside its own', () => []],
    ['a package', () => '@acme/tsconfig'],
    ['a file of a package', () => '@acme/tsconfig/strict.json'],
    ['a file of a package, without its ending', () => '@acme/tsconfig/strict'],
    ['a package that names its file', () => 'named-tsconfig'],
    ['a package that exports its file', () => 'exporting-tsconfig/app'],
    ['a package and a path', () => ['@acme/tsconfig', './config/other.json', './config/base']],
  ]
  for (const [form, given] of forms) {
    test(form, async () => {
      write('packages/api/config/base.json', `// A comment.\n${JSON.stringify(paths('../'))}`)
      write('packages/api/config/nested.json', { extends: './base' })
      write('packages/api/config/other.json', {
        compilerOptions: { paths: { '@lib/*': ['./no/*'] } },
      })
      const home = 'node_modules/@acme/tsconfig'
      const up = '../../../packages/api/'
      write(`${home}/package.json`, '{"name":"@acme/tsconfig","version":"1.0.0"}')
      write(`${home}/tsconfig.json`, paths(up))
      write(`${home}/strict.json`, {
        extends: './tsconfig.json',
        compilerOptions: { strict: true },
      })
      write('node_modules/named-tsconfig/package.json', '{"tsconfig":"./my"}')
      write('node_modules/named-tsconfig/my.json', paths('../../packages/api/'))
      write('node_modules/exporting-tsconfig/package.json', '{"exports":{"./app":"./a.json"}}')
      write('node_modules/exporting-tsconfig/a.json', paths('../../packages/api/'))
      const own = form.includes('its own') ? paths('./') : {}
      tsconfig({ extends: given(), ...own })
      expect(await value(IMPORT)).toBe('one')
    })
  }

  test('a chain in which baseUrl, paths and configDir come from different files', async () => {
    write('packages/api/config/a.json', {
      compilerOptions: {
        paths: { '@lib/*': [`${CONFIG_DIR}/src/lib/*`], exact: ['./src/lib/one'] },
      },
    })
    write('packages/api/config/b.json', { extends: './a', compilerOptions: { baseUrl: '..' } })
    tsconfig('\uFEFF{ /* marks, comments, commas */ "extends": "./config/b.json", }')
    const source = `import { one } from '@lib/one.js'
      import { one as two } from 'exact'
      import { one as three } from 'src/lib/one'
      export default one + two + three`
    expect(await value(source)).toBe('oneoneone')
  })

  test('paths lead to text, JSON, folders and require too; jsconfig.json has them as well', async () => {
    write('packages/api/src/lib/t.txt', 'text')
    write('packages/api/src/lib/j.json', '{"j":1}')
    write('packages/api/src/lib/folder/index.ts', 'export const f = 2')
    write('packages/api/jsconfig.json', paths('./'))
    const source = `import t from '@lib/t.txt' with { type: 'text' }
      import { j } from '@lib/j.json'
      import { f } from '@lib/folder'
      const { one } = require('@lib/one')
      const lazy = async () => (await import('@lib/one')).one
      export default [t, j, f, one, await lazy()].join()`
    expect(await value(source)).toBe('text,1,2,one,one')
  })

  test('each package of a workspace has its own paths and JSX', async () => {
    const jsx = (name: string) =>
      `export const jsx = (type) => '${name}:' + type\nexport const jsxs = jsx`
    write('node_modules/one/jsx-runtime.js', jsx('one'))
    write('node_modules/two/jsx-runtime.js', jsx('two'))
    write('packages/ui/package.json', '{"name":"ui","main":"src/index.tsx"}')
    write('packages/ui/tsconfig.json', {
      compilerOptions: { jsx: 'react-jsx', jsxImportSource: 'two', paths: { '@/*': ['./src/*'] } },
    })
    write(
      'packages/ui/src/index.tsx',
      "import { n } from '@/n'\nexport const ui = () => <b />\nexport { n }",
    )
    write('packages/ui/src/n.ts', "export const n = 'ui'")
    mkdirSync(join(dir, 'packages/api/node_modules'), { recursive: true })
    symlinkSync('../../ui', join(dir, 'packages/api/node_modules/ui'))
    write('packages/api/src/n.ts', "export const n = 'api'")
    tsconfig({
      compilerOptions: { jsx: 'react-jsx', jsxImportSource: 'one', paths: { '@/*': ['./src/*'] } },
    })
    const source = `import { n as mine } from '@/n'
      import { n, ui } from 'ui'
      export default [mine, n, ui(), <i />].join()`
    const index = 'packages/api/src/index.tsx'
    for (const runtime of ['quickjs-ng', 'bun'] as const) {
      const path = write(`out-${runtime}.mjs`, await build(source, index, runtime))
      expect((await import(path)).default).toBe('api,ui,two:b,one:i')
    }
  })

  test('a file that names its own JSX keeps it; classic JSX has its factory', async () => {
    tsconfig({ compilerOptions: { jsx: 'react', jsxFactory: 'h', jsxFragmentFactory: 'F' } })
    write('packages/api/src/lib/tsconfig.json', {
      compilerOptions: { jsx: 'react', jsxFactory: 'inner.h*/alert()/*' },
    })
    write(
      'packages/api/src/lib/a.tsx',
      '/** @jsx mine */\nconst mine = (t) => "mine:" + t\nexport const a = <a />',
    )
    const source = `import { a } from './lib/a'\nconst h = (type) => 'h:' + type\nexport default a + <i />`
    const path = write('out.mjs', await build(source, 'packages/api/src/index.tsx'))
    expect((await import(path)).default).toBe('mine:ah:i')
  })
})

describe('a tsconfig.json that is wrong is an error with its place', () => {
  const rows: [string, string | object, RegExp, [number, number]][] = [
    ['is not JSON', '{\n  "compilerOptions": tru\n}', /not valid JSON: Unexpected tru/, [2, 22]],
    ['ends early', '{\n  "extends": ', /not valid JSON/, [2, 13]],
    ['is a list', '[]', /must be a JSON object/, [1, 1]],
    [
      'extends what is missing',
      '{\n  "extends": "./nothing"\n}',
      /'.\/nothing' does not exist/,
      [2, 14],
    ],
    [
      'extends a package that is not there',
      '{"extends":"@acme/none"}',
      /'@acme\/none' is not installed/,
      [1, 12],
    ],
    [
      'extends the second of a list',
      '{"extends":["./a",\n"./none"]}',
      /'.\/none' does not exist/,
      [2, 1],
    ],
    ['extends a number', '{"extends": 1}', /must be a string or a list/, [1, 2]],
    ['extends nothing', '{"extends": ""}', /must not be empty/, [1, 13]],
    [
      'extends itself',
      '{"extends":"./tsconfig"}',
      /circular: .*tsconfig\.json -> .*tsconfig\.json/,
      [1, 12],
    ],
    ['has wrong paths', '{"compilerOptions":{"paths":{"a":"b"}}}', /'paths' must map/, [1, 21]],
  ]
  for (const [what, content, message, [line, column]] of rows) {
    test(what, async () => {
      write('packages/api/a.json', '{}')
      tsconfig(content)
      const error = await refused()
      expect(error.message).toMatch(message)
      expect(error.position).toEqual({ file: 'packages/api/tsconfig.json', line, column })
    })
  }

  test('also where it is another one, that a package is built with, or that is extended', async () => {
    write('packages/api/src/lib/tsconfig.json', '{ "extends": "./base" }')
    write('packages/api/src/lib/base.json', '{ "a": }')
    write('packages/api/src/lib/one.ts', "import 'two'\nexport const one = 1")
    const error = await refused("export { one as default } from './lib/one'")
    expect(error.position).toMatchObject({ file: 'packages/api/src/lib/base.json', line: 1 })
  })

  test('circles of several files', async () => {
    tsconfig('{"extends":"./a.json"}')
    write('packages/api/a.json', '{"extends":["./b"]}')
    write('packages/api/b.json', '{"extends":"./a"}')
    const error = await refused()
    expect(error.message).toContain(
      'packages/api/a.json -> packages/api/b.json -> packages/api/a.json',
    )
    expect(error.position).toMatchObject({ file: 'packages/api/b.json' })
  })
})

describe('hostile', () => {
  test('nothing outside of the root is read, by path, package or link, and not quoted', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'functions-outside-'))
    writeFileSync(join(outside, 'secret.json'), '{"compilerOptions": hunter2 }')
    symlinkSync(join(outside, 'secret.json'), join(dir, 'packages/api/linked.json'))
    mkdirSync(join(dir, 'node_modules'), { recursive: true })
    symlinkSync(outside, join(dir, 'node_modules/away'))
    const up = '../'.repeat(20)
    const given = [
      '/etc/passwd',
      `${up}etc/passwd`,
      join(outside, 'secret'),
      './linked',
      'away/secret',
    ]
    for (const each of given) {
      tsconfig({ extends: each })
      const { message, position } = await refused()
      expect(message).toContain('lies outside the project root')
      expect(message).not.toMatch(/hunter2|root:/)
      expect(position).toMatchObject({ file: 'packages/api/tsconfig.json', line: 1, column: 12 })
    }
    rmSync(join(dir, 'packages/api/tsconfig.json'))
    symlinkSync(join(outside, 'secret.json'), join(dir, 'packages/api/tsconfig.json'))
    expect((await refused()).message).toContain('outside the project root')
    rmSync(outside, { recursive: true })
  }, 20_000)

  test('paths do not lead an import out of the root', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'functions-outside-'))
    writeFileSync(join(outside, 'one.ts'), 'export const one = 1')
    tsconfig({ compilerOptions: { paths: { '@lib/*': [`${outside}/*`] } } })
    const error = await refused()
    expect(error.message).toContain("'@lib/one' lies outside the project root")
    expect(error.position).toMatchObject({ file: INDEX, line: 1 })
    tsconfig({ compilerOptions: { baseUrl: outside } })
    expect((await refused("import 'one'")).message).toContain('outside the project root')
    rmSync(outside, { recursive: true })
  })

  test('what is huge, deep, a pipe, or grows with each level ends with an error', async () => {
    tsconfig(`"${'x'.repeat(2 ** 20)}"`)
    expect((await refused()).message).toContain('larger than')
    tsconfig('['.repeat(200_000))
    expect((await refused()).message).toContain('not valid JSON')
    for (let i = 0; i < 80; i++) write(`packages/api/d${i}.json`, { extends: `./d${i + 1}` })
    tsconfig({ extends: './d0' })
    expect((await refused()).message).toContain('deeper than 64')
    for (let i = 0; i < 40; i++) {
      const next = `./w${i + 1}.json`
      write(`packages/api/w${i}.json`, i === 39 ? paths('./') : { extends: [next, next, next] })
    }
    tsconfig({ extends: './w0.json' })
    expect(await value(IMPORT)).toBe('one')
    rmSync(join(dir, 'packages/api/tsconfig.json'))
    Bun.spawnSync(['mkfifo', join(dir, 'packages/api/tsconfig.json')])
    expect((await refused()).message).toContain('not a regular file')
  }, 20_000)

  test.each([
    'packages/api/tsconfig.json',
    'packages/api/src/tsconfig.json',
    'packages/tsconfig.json',
    'tsconfig.json',
  ])('a pipe that %s extends, also through another file, ends with an error', async (name) => {
    const isAbove = !name.includes('api')
    if (isAbove) write('packages/api/tsconfig.json', {})
    Bun.spawnSync(['mkfifo', join(dir, 'packages/pipe.json')])
    write('packages/between.json', { extends: './pipe.json' })
    for (const target of ['pipe', 'between']) {
      write(name, { extends: [join(dir, `packages/${target}.json`)] })
      const error = await refused('export default 1')
      expect(error.message).toContain('pipe.json')
      expect(error.message).toContain('is not a regular file')
    }
    write(name, { extends: '/dev/zero' })
    expect((await refused('export default 1')).message).toContain('is not a regular file')
  })

  test('a pipe that a folder of an import or a package extends ends with an error', async () => {
    Bun.spawnSync(['mkfifo', join(dir, 'pipe.json')])
    const extending = { extends: join(dir, 'pipe.json') }
    write('packages/api/src/lib/tsconfig.json', extending)
    write('packages/api/src/lib/index.ts', "export const one = 'one'")
    for (const path of ['./lib/one', './lib']) {
      const below = await refused(`import { one } from '${path}'\nexport default one`)
      expect(below.message).toContain('is not a regular file')
    }
    write('packages/api/node_modules/two/package.json', '{"name":"two"}')
    write('packages/api/node_modules/two/index.js', 'export default 2')
    write('packages/api/node_modules/two/tsconfig.json', extending)
    const error = await refused("export { default } from 'two'")
    expect(error.message).toContain('is not a regular file')
  })
})
