/** What deploy refuses: exit status, one clear sentence with file and line, nothing changed. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandResult, Workspace } from './harness.ts'

const space = new Workspace()
const GOOD = `export default () => new Response('good')\n`

beforeAll(() => space.deploy('good', GOOD))
afterAll(() => space.remove())

interface Failure {
  error: { code: string; message: string; file?: string; line?: number; column?: number }
}

async function refused(text: string, ...flags: string[]): Promise<Failure['error']> {
  const file = space.source('bad.ts', text)
  const result = await space.command('deploy', 'bad', file, '--json', ...flags)
  expect(result.exitCode).toBe(1)
  expect(result.stdout).toBe('')
  expect(existsSync(join(space.dataDir, 'bundles/func-bad'))).toBe(false)
  const list = JSON.parse((await space.command('list', '--json')).stdout) as { name: string }[]
  expect(list.map((row) => row.name)).toEqual(['good'])
  return (JSON.parse(result.stderr) as Failure).error
}

test('--why shows the chosen file of a package, and deploys nothing', async () => {
  const pack = (file: string, text: string) => {
    mkdirSync(join(space.dir, 'node_modules/pack'), { recursive: true })
    writeFileSync(join(space.dir, 'node_modules/pack', file), text)
  }
  const exports = { workerd: './w.js', browser: './b.js', default: './d.js' }
  pack('package.json', JSON.stringify({ name: 'pack', version: '1.0.0', exports }))
  for (const name of ['w', 'b', 'd']) pack(`${name}.js`, `export default '${name}'`)
  const file = space.source(
    'why.ts',
    "import p from 'pack'\nexport default () => new Response(p)\n",
  )
  const shown = await space.command('deploy', 'why', file, '--why', 'pack')
  expect([shown.exitCode, shown.stderr]).toEqual([0, ''])
  expect(shown.stdout).toMatch(
    /^pack 1\.0\.0\n[\s\S]*node_modules\/pack\/w\.js\n.*exports\["\."\] > workerd/,
  )
  const json = await space.command('deploy', 'why', file, '--why', 'pack', '--json')
  expect(JSON.parse(json.stdout).imports[0].via).toEqual(['exports["."]', 'workerd'])
  const none = await space.command('deploy', 'why', file, '--why', 'nothing')
  expect([none.exitCode, none.stdout]).toEqual([2, ''])
  expect(none.stderr).toContain("Package 'nothing' is not in the bundle")
  const list = JSON.parse((await space.command('list', '--json')).stdout) as { name: string }[]
  expect(list.map(({ name }) => name)).toEqual(['good'])
})

test('every error of a bundle is printed, one a line', async () => {
  const file = space.source('errors.ts', "import 'none-a'\nimport 'node:tls'\nimport './gone'\n")
  const { stderr, exitCode } = await space.command('deploy', 'bad', file)
  expect(exitCode).toBe(1)
  const lines = stderr.trimEnd().split('\n')
  expect(lines).toHaveLength(3)
  for (const line of [1, 2, 3]) expect(stderr).toContain(`errors.ts:${line}:`)
  const error = await refused("import 'none-a'\nimport './gone'\n")
  expect((error as { others?: unknown[] }).others).toHaveLength(1)
})

describe('a bundle', () => {
  test('that does not build', async () => {
    const error = await refused('const a = 1\nconst b = ;\nexport default () => new Response()\n')
    expect(error).toMatchObject({ file: 'bad.ts', line: 2 })
  })

  test('that imports what is not there', async () => {
    const error = await refused(`\nimport x from './nothing'\nexport default () => x\n`)
    expect(error).toMatchObject({ file: 'bad.ts', line: 2 })
  })

  test('that throws at load, named by the tenant\u2019s own line', async () => {
    const error = await refused(
      `interface A { a: number }\nconst f = (a?: A) => {\n  throw new Error('no luck')\n}\nf()\nexport default () => new Response()\n`,
    )
    expect(error.message).toContain('no luck')
    expect(error).toMatchObject({ file: 'bad.ts', line: 3 })
  })

  test('that has no handler', async () => {
    const error = await refused('export const other = 1\n')
    expect(error.message).toMatch(/handler|default/)
    expect(error).toMatchObject({ file: 'bad.ts', line: 1 })
  })

  test('whose default export is not a handler', async () => {
    const error = await refused('const a = 42\nexport default a\n')
    expect(error.message).toMatch(/handler/)
    expect(error).toMatchObject({ file: 'bad.ts', line: 2 })
  })

  test('that hangs at load', async () => {
    for (const text of ['for (;;);\n', 'await new Promise(() => {})\n']) {
      const error = await refused(`${text}export default () => new Response()\n`)
      expect(error.message).toMatch(
        /does not load: The bundle (used up its CPU time|did not load in time)/,
      )
      expect(error.file).toBe('bad.ts')
    }
  }, 60_000)

  test('that imports a builtin of Node', async () => {
    const error = await refused(`import tls from 'node:tls'\nexport default () => tls\n`)
    expect(error.message).toContain('node:tls')
    expect(error).toMatchObject({ file: 'bad.ts', line: 1 })
  })
})

describe('the project root', () => {
  test('holds: no import from outside it, by path or by link, as code or as text', async () => {
    const outside = new Workspace()
    const secret = outside.source('secret.ts', `export default 'secret'\n`)
    const text = outside.source('secret.txt', 'secret')
    symlinkSync(text, join(space.dir, 'link.txt'))
    const imports = [
      `import s from '${secret}'`,
      `import s from '${text}' with { type: 'text' }`,
      `import s from './link.txt' with { type: 'text' }`,
      `import s from '/etc/passwd' with { type: 'text' }`,
    ]
    for (const line of imports) {
      const error = await refused(`\n${line}\nexport default () => new Response(s)\n`)
      expect(error).toMatchObject({ file: 'bad.ts', line: 2 })
      expect(error.message).toContain('outside')
    }
    outside.remove()
  }, 30_000)

  test('runs nothing at build: macros, bunfig preload, .env', async () => {
    const marker = join(space.dir, 'ran')
    const write = `require('node:fs').writeFileSync(${JSON.stringify(marker)}, 'x')`
    space.source('macro.ts', `export function m() { ${write}; return 1 }\n`)
    space.source('preload.ts', `${write}\n`)
    writeFileSync(join(space.dir, 'bunfig.toml'), 'preload = ["./preload.ts"]\n')
    writeFileSync(join(space.dir, '.env'), 'LEAKED=yes\n')
    await refused(
      `import { m } from './macro.ts' with { type: 'macro' }\nexport default () => new Response(String(m()))\n`,
    )
    await refused(
      'const e = process.env.LEAKED\nif (e !== "yes") throw new Error("closed")\nexport default () => new Response(e)\n',
    )
    expect(existsSync(marker)).toBe(false)
  }, 30_000)
})

describe('what it takes', () => {
  test('npm packages, JSON and text', async () => {
    const pack = join(space.dir, 'node_modules/greet')
    mkdirSync(pack, { recursive: true })
    writeFileSync(join(pack, 'package.json'), '{"name":"greet","main":"index.js"}')
    writeFileSync(join(pack, 'index.js'), `module.exports = (n) => 'hi ' + n\n`)
    space.source('data.json', '{"n":7}')
    space.source('page.txt', 'page')
    const two = `import greet from 'greet'
import data from './data.json'
import page from './page.txt' with { type: 'text' }
export default () => new Response(greet(data.n) + page)
`
    const file = space.source('two.ts', two)
    const result = await space.command('deploy', 'good', file)
    expect(result.exitCode).toBe(0)
    const service = await space.serve()
    expect(await (await service.fetch('/functions/good')).text()).toBe('hi 7page')
    await service.stop()
  }, 30_000)
})

describe('wrong usage is exit 2 and one sentence', () => {
  const rows: [string, string[]][] = [
    ['a name in capitals', ['deploy', 'Bad', 'x.ts']],
    ['a name with dots', ['deploy', '../bad', 'x.ts']],
    ['a name that ends in a dash', ['deploy', 'bad-', 'x.ts']],
    ['a name of 64 letters', ['deploy', 'a'.repeat(64), 'x.ts']],
    ['a version with a slash', ['deploy', 'bad', 'x.ts', '--version', 'a/b']],
    ['a version with dots', ['deploy', 'bad', 'x.ts', '--version', '..']],
    ['a profile that does not exist', ['deploy', 'bad', 'x.ts', '--profile', 'lax']],
    ['a file that does not exist', ['deploy', 'bad', 'nothing-here.ts']],
    ['a size without sense', ['deploy', 'bad', 'x.ts', '--memory', 'lots']],
    ['more memory than the profile', ['deploy', 'bad', 'x.ts', '--memory', '5GB']],
    ['an unknown flag', ['deploy', 'bad', 'x.ts', '--fast']],
    ['an unknown command', ['deplyo']],
    ['an unknown runtime', ['deploy', 'bad', 'x.ts', '--runtime', 'node']],
  ]
  const oneSentence = (result: CommandResult) => {
    expect(result.stdout).toBe('')
    expect(result.stderr.trim().length).toBeGreaterThan(0)
    expect(result.stderr).not.toMatch(/\n\s+at |node_modules|\.ts:\d+:\d+/)
  }
  for (const [what, args] of rows) {
    test(what, async () => {
      space.source('x.ts', GOOD)
      const result = await space.command(...args)
      expect(result.exitCode).toBe(2)
      oneSentence(result)
    })
  }

  test('a custom profile with a wrong key names the key', async () => {
    const file = space.source('x.ts', GOOD)
    const profiles: [string, string][] = [
      ['{"allowNetwrk": true}', 'allowNetwrk'],
      ['{"maxMemory": "a lot"}', 'maxMemory'],
      ['{"allowEval": "yes"}', 'allowEval'],
      ['{', 'JSON'],
    ]
    for (const [text, key] of profiles) {
      const profile = space.source('profile.json', text)
      const result = await space.command('deploy', 'bad', file, '--profile', profile)
      expect(result.exitCode).toBe(2)
      expect(result.stderr).toContain(key)
      oneSentence(result)
    }
  })

  test('bun needs the permissive profile, and says why', async () => {
    const file = space.source('x.ts', GOOD)
    const result = await space.command('deploy', 'bad', file, '--runtime', 'bun')
    expect(result.exitCode).toBe(2)
    expect(result.stderr).toContain('permissive')
  })

  test('nothing of it changed anything', () => {
    const names = readdirSync(join(space.dataDir, 'bundles'))
    expect(names.filter((name) => !name.startsWith('.'))).toEqual(['func-good'])
  })
})

describe('a bundle that is taken', () => {
  test('is warned of globals that are not there, and serves with modules of Node', async () => {
    const file = space.source(
      'node.ts',
      `import { join } from 'node:path'\n\nexport default () =>\n  new Response(join('a', typeof WebSocket, Buffer.from('b').toString('hex')))\nexport const open = () => new WebSocket('ws://a')\n`,
    )
    const warning = {
      message: "'WebSocket' is not available in quickjs-ng functions.",
      file: 'node.ts',
      line: 5,
      column: 31,
    }
    const json = await space.command('deploy', 'node', file, '--json')
    expect(json).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(json.stdout)).toMatchObject({ function: 'node', warnings: [warning] })
    const table = await space.command('deploy', 'node', file)
    expect(table.stderr).toBe(`warning: node.ts:5:31: ${warning.message}\n`)
    expect(table.stdout).toMatch(/^node v2: quickjs-ng, strict profile, \d+ bytes, not live now\n$/)
    const service = await space.serve()
    expect(await (await service.fetch('/functions/node')).text()).toBe('a/undefined/62')
    await service.stop()
    await space.command('delete', 'node')
  })
})
