/** Functions of monorepos: what the package managers install is found, and errors say where and what to do. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type CommandResult, ROOT, run, type Service, Workspace } from './harness.ts'

const space = new Workspace()
const BUN = join(ROOT, 'node_modules/@oven/bun-linux-x64/bin/bun')
const INDEX = `import { greet } from 'greet'
import { shared } from '@acme/common'
import { near } from '../../near'
export default () => new Response([greet, shared, near].join())
`

function write(name: string, content: string | object): string {
  const path = join(space.dir, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

function tool(cwd: string, ...command: string[]): void {
  const { exitCode, stderr, stdout } = Bun.spawnSync(command, { cwd: join(space.dir, cwd) })
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`)
}

/** Sources of a monorepo without what a package manager makes. */
function monorepo(name: string, root: object): string {
  write(`${name}/package.json`, { name, private: true, ...root })
  write(`${name}/packages/near.ts`, "export const near = 'near'")
  write(`${name}/packages/common/package.json`, {
    name: '@acme/common',
    version: '1.0.0',
    exports: './src/index.ts',
  })
  write(`${name}/packages/common/src/index.ts`, "export const shared: string = 'shared'")
  write(`${name}/packages/api/package.json`, {
    name: 'api',
    version: '1.0.0',
    dependencies: { greet: 'file:../../greet.tgz', '@acme/common': '1.0.0' },
  })
  write(`${name}/packages/api/tsconfig.json`, '{"extends":"../../tsconfig.base"}')
  write(`${name}/tsconfig.base.json`, '{"compilerOptions":{"strict":true}}')
  cpSync(join(space.dir, 'greet.tgz'), join(space.dir, name, 'greet.tgz'))
  return write(`${name}/packages/api/src/index.ts`, INDEX)
}

/** Deploys from the folder of the package, as its author does. */
function deploy(name: string, file: string, ...flags: string[]): Promise<CommandResult> {
  const args = ['deploy', name, file, '--data-dir', space.dataDir, ...flags]
  return run(args, { cwd: dirname(dirname(file)) })
}

async function refused(file: string, ...flags: string[]): Promise<string> {
  const { exitCode, stderr } = await deploy('refused', file, ...flags)
  expect(exitCode).not.toBe(0)
  expect(stderr).not.toContain('-1:-1')
  return stderr
}

beforeAll(() => {
  write('greet/package/package.json', { name: 'greet', version: '1.0.0', main: 'index.js' })
  write('greet/package/index.js', "exports.greet = 'hello'")
  tool('greet', 'tar', '-czf', '../greet.tgz', 'package')
})
afterAll(() => space.remove())

describe('a member of a workspace is deployed as its package manager left it', () => {
  let service: Service
  beforeAll(async () => {
    const workspaces = ['packages/*']
    monorepo('npm', { workspaces })
    tool('npm', 'npm', 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund')
    for (const linker of ['hoisted', 'isolated']) {
      monorepo(`bun-${linker}`, { workspaces: { packages: workspaces } })
      tool(`bun-${linker}`, BUN, 'install', '--ignore-scripts', `--linker=${linker}`)
    }
    pnpm()
    for (const name of ['npm', 'bun-hoisted', 'bun-isolated', 'pnpm']) {
      const { exitCode, stderr } = await deploy(
        name,
        `${space.dir}/${name}/packages/api/src/index.ts`,
      )
      if (exitCode !== 0) throw new Error(`${name}: ${stderr}`)
    }
    service = await space.serve()
  }, 60_000)
  afterAll(() => service.stop())

  for (const name of ['npm', 'bun-hoisted', 'bun-isolated', 'pnpm']) {
    test(name, async () => {
      const response = await service.fetch(`/functions/${name}`)
      expect(await response.text()).toBe('hello,shared,near')
    })
  }
})

/** As pnpm links packages: each from the store in node_modules/.pnpm. */
function pnpm(): void {
  monorepo('pnpm', {})
  write('pnpm/pnpm-workspace.yaml', 'packages:\n  - packages/*\n')
  const store = 'pnpm/node_modules/.pnpm/greet@1.0.0/node_modules/greet'
  mkdirSync(join(space.dir, store), { recursive: true })
  cpSync(join(space.dir, 'greet/package'), join(space.dir, store), { recursive: true })
  const modules = join(space.dir, 'pnpm/packages/api/node_modules')
  mkdirSync(join(modules, '@acme'), { recursive: true })
  symlinkSync('../../../node_modules/.pnpm/greet@1.0.0/node_modules/greet', join(modules, 'greet'))
  symlinkSync('../../../common', join(modules, '@acme/common'))
}

describe('what lies outside of the root', () => {
  test('is refused with the root and a remedy that works', async () => {
    write('two/common/a.ts', "export const a = 'a'")
    write('two/api/package.json', '{}')
    const file = write(
      'two/api/index.ts',
      "\nimport { a } from '../common/a'\nexport default () => new Response(a)",
    )
    const stderr = await refused(file)
    const root = join(space.dir, 'two')
    expect(stderr).toStartWith("index.ts:2:19: '../common/a' lies outside the project root ")
    expect(stderr).toContain(`${root}/api (the folder of the nearest package.json)`)
    expect(stderr).toEndWith(`or deploy with --root ${root}.\n`)
    expect((await deploy('two', file, '--root', root)).exitCode).toBe(0)
    expect((await deploy('two', file, '--root', '..')).exitCode).toBe(0)
  })

  test('a symbolic link does not lead there, and no remedy names the machine’s root', async () => {
    write('linked/package.json', '{}')
    symlinkSync('/etc', join(space.dir, 'linked/etc'))
    const line = "import text from './etc/hostname' with { type: 'text' }"
    const file = write('linked/src/index.ts', `${line.replace('./', '../')}\nexport default text`)
    const stderr = await refused(file)
    expect(stderr).toContain("src/index.ts:1:18: '../etc/hostname' lies outside the project root")
    expect(stderr).not.toContain('--root')
  })

  test('a root that does not hold the file is wrong usage', async () => {
    const file = write('wrong/index.ts', 'export default () => new Response()')
    const { exitCode, stderr } = await deploy('wrong', file, '--root', '/etc')
    expect(exitCode).toBe(2)
    expect(stderr).toContain('--root /etc does not contain')
  })
})

describe('an import that leads nowhere names its file, line, column and package', () => {
  const rows: [what: string, source: string, place: string, message: string][] = [
    [
      'a package',
      "\nimport x from 'left-pad/x'\nexport default x",
      '2:15',
      "Package 'left-pad' ('left-pad/x') is not installed: add it to the dependencies of package.json",
    ],
    [
      'a scoped package',
      "import x from '@a/b/c'\nexport default x",
      '1:15',
      "Package '@a/b' ('@a/b/c') is not installed",
    ],
    [
      'a file of a package',
      "import x from 'have/none'\nexport default x",
      '1:15',
      "Package 'have' is installed in node_modules/have, but has nothing at 'have/none'",
    ],
    [
      'a file',
      "import x from './none'\nexport default x",
      '1:15',
      "'./none' was not found: there is no src/none",
    ],
    [
      'a require',
      "export default () => require('none')",
      '1:30',
      "Package 'none' is not installed",
    ],
    [
      'a private import',
      "import x from '#none'\nexport default x",
      '1:15',
      "'#none' was not found",
    ],
    [
      'the runtime of JSX',
      'const a = 1 < 2\nexport default () => <div>{a}</div>',
      '2:22',
      "The JSX of this file needs package 'react'",
    ],
  ]
  for (const [what, source, place, message] of rows) {
    test(what, async () => {
      rmSync(join(space.dir, 'lost'), { recursive: true, force: true })
      write('lost/package.json', '{}')
      write('lost/node_modules/have/package.json', '{"exports":{".":"./a.js"}}')
      const file = write('lost/src/index.tsx', source)
      const stderr = await refused(file)
      expect(stderr).toStartWith(`src/index.tsx:${place}: ${message}`)
    })
  }

  test('also where a package of a workspace imports it; Plug’n’Play has its own remedy', async () => {
    write('pnp/package.json', '{"workspaces":["packages/*"]}')
    write('pnp/.pnp.cjs', '')
    write('pnp/packages/lib/package.json', '{"name":"lib"}')
    write('pnp/packages/lib/a.tsx', 'export const a =\n  <b />')
    const file = write(
      'pnp/packages/api/src/index.ts',
      "export { a as default } from '../../lib/a'",
    )
    expect(await refused(file)).toStartWith('packages/lib/a.tsx:2:3: The JSX of this file needs')
    write('pnp/packages/lib/a.tsx', "import a from 'nothing'\nexport { a }")
    const stderr = await refused(file)
    expect(stderr).toStartWith("packages/lib/a.tsx:1:15: Package 'nothing' is not installed")
    expect(stderr).toContain('nodeLinker: node-modules')
  })
})
