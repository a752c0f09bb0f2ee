import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import { tryLockDataDir } from '../metadata/lock.ts'
import { MetadataStore } from '../metadata/store.ts'
import { RELEASE } from '../release.ts'
import { runCli } from './cli.ts'

const home = mkdtempSync(join(tmpdir(), 'functions-cli-'))
let dir: string
let dataDir: string

beforeEach(() => {
  dir = mkdtempSync(join(home, 'tenant-'))
  dataDir = join(dir, 'data')
  source('package.json', '{}')
})

afterAll(() => rmSync(home, { recursive: true }))

function source(name: string, text: string): string {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

interface Result {
  status: number
  stdout: string
  stderr: string
}

/** Runs a command in this process. */
async function run(args: string[], env: Record<string, string> = {}): Promise<Result> {
  const result = { status: 0, stdout: '', stderr: '' }
  const decode = (text: string | Uint8Array) =>
    typeof text === 'string' ? text : new TextDecoder().decode(text)
  result.status = await runCli(args, {
    env,
    stdout: (text) => {
      result.stdout += decode(text)
    },
    stderr: (text) => {
      result.stderr += decode(text)
    },
  })
  return result
}

const command = (...args: string[]) => run([...args, '--data-dir', dataDir])

function refused(result: Result, status: 1 | 2): void {
  expect(result.status).toBe(status)
  expect(result.stdout).toBe('')
  expect(result.stderr).toMatch(/^[^\n]+\n$/)
  expect(result.stderr).not.toMatch(/\bat .+:\d+:\d+\)|node_modules/)
}

const GOOD = `export default () => new Response('good')\n`

describe('wrong usage is exit 2 and one sentence', () => {
  const rows: [string, string[], string][] = [
    ['a command that does not exist', ['deplyo'], 'deploy'],
    ['a command far from any', ['frobnicate'], '--help'],
    ['an unknown flag', ['deploy', 'a', 'x.ts', '--fast'], '--fast'],
    ['an argument that is missing', ['deploy', 'a'], 'file'],
    ['an argument too many', ['list', 'extra'], 'argument'],
    ['a name in capitals', ['deploy', 'Bad', 'x.ts'], 'name'],
    ['a name with dots', ['show', '../bad'], 'name'],
    ['a version with a slash', ['deploy', 'a', 'x.ts', '--version', 'a/b'], 'version'],
    ['a version with dots', ['rollback', 'a', '..'], 'version'],
    ['a profile that does not exist', ['deploy', 'a', 'x.ts', '--profile', 'lax'], 'lax'],
    [
      'an endless profile',
      ['deploy', 'a', 'x.ts', '--profile', '/dev/zero'],
      'larger than 1048576',
    ],
    ['a runtime that does not exist', ['deploy', 'a', 'x.ts', '--runtime', 'node'], 'node'],
    ['a size without sense', ['deploy', 'a', 'x.ts', '--memory', 'lots'], '--memory'],
    ['a size of nothing', ['deploy', 'a', 'x.ts', '--memory', '0'], '--memory'],
    ['a duration without unit', ['deploy', 'a', 'x.ts', '--timeout', '5'], '--timeout'],
    ['a restart without time', ['restart', '--timeout', '0'], '--timeout must be'],
    ['a restart of a time without sense', ['restart', '--timeout', 'abc'], '--timeout must be'],
    ['a restart that takes a month', ['upgrade', 'x', '--timeout', '30d'], 'at most 1h'],
    ['a number without sense', ['deploy', 'a', 'x.ts', '--max-workers', '-1'], '--max-workers'],
    ['more memory than the profile', ['deploy', 'a', 'x.ts', '--memory', '5GB'], '100MB'],
    ['a file that does not exist', ['deploy', 'a', 'nothing-here.ts'], 'nothing-here.ts'],
    ['a port without sense', ['serve', '--port', 'many'], '--port'],
    ['bun in a strict profile', ['deploy', 'a', 'x.ts', '--runtime', 'bun'], 'permissive'],
    ['a header without a name', ['invoke', 'a', '-H', 'nonsense'], '-H'],
    ['a body with GET', ['invoke', 'a', '-X', 'GET', '-d', 'x'], 'body'],
  ]
  for (const [what, args, named] of rows) {
    test(what, async () => {
      const text = await command(...args)
      refused(text, 2)
      expect(text.stderr).toContain(named)
      const { status, stdout, stderr } = await command(...args, '--json')
      expect(status).toBe(2)
      expect(stdout).toBe('')
      expect(JSON.parse(stderr).error.code).toBe('BAD_REQUEST')
      expect(existsSync(dataDir)).toBe(false)
    })
  }

  test('a flag without its value', async () => {
    const result = await run(['list', '--data-dir'])
    refused(result, 2)
    expect(result.stderr).toContain('--data-dir')
    expect((await run(['serve', '--cors-errors'])).stderr).toContain('true|false')
  })

  test('a damaged metadata.db is an error that says what to do', async () => {
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'metadata.db'), 'x'.repeat(5000))
    const result = await command('list')
    refused(result, 1)
    expect(result.stderr).toContain('functions check --repair')
  })

  test('a limit of a deployment names the flag that was used', async () => {
    const file = source('x.ts', GOOD)
    for (const [flag, value] of [
      ['--memory', '5000GB'],
      ['--memory', '1KB'],
      ['--cpu', '2h'],
      ['--max-workers', '99999'],
      ['--concurrency', '99999'],
      ['--timeout', '30d'],
      ['--version', 'a/b'],
    ] as const) {
      const result = await command('deploy', 'a', file, flag, value)
      refused(result, 2)
      expect(result.stderr).toContain(flag)
      expect(result.stderr).not.toMatch(/max[MCW]|timeoutMs/)
    }
  })

  test('a check of a folder of something else is refused and changes nothing', async () => {
    mkdirSync(dataDir, { mode: 0o755 })
    const empty = await command('check')
    expect(empty).toMatchObject({ status: 0 })
    expect(empty.stdout).toContain('is empty: nothing was deployed there')
    expect(JSON.parse((await command('check', '--json')).stdout)).toMatchObject({ empty: true })
    writeFileSync(join(dataDir, 'thesis.txt'), '')
    for (const flags of [[], ['--repair']]) {
      const result = await command('check', ...flags)
      refused(result, 1)
      expect(result.stderr).toContain('is not a data directory')
    }
    expect(readdirSync(dataDir)).toEqual(['thesis.txt'])
    expect(statSync(dataDir).mode & 0o777).toBe(0o755)
  })

  test('list of a directory that lost its database says so', async () => {
    mkdirSync(join(dataDir, 'bundles/func-a/v1'), { recursive: true })
    const result = await command('list')
    refused(result, 1)
    expect(result.stderr).toContain('has bundles but no metadata.db')
  })

  test('a custom profile names the key', async () => {
    const file = source('x.ts', GOOD)
    for (const [text, key] of [
      ['{"allowNetwrk": true}', 'allowNetwrk'],
      ['{"maxMemory": "a lot"}', 'maxMemory'],
      ['{', 'JSON'],
    ] as const) {
      const profile = source('profile.json', text)
      const result = await command('deploy', 'a', file, '--profile', profile)
      refused(result, 2)
      expect(result.stderr).toContain(key)
    }
  })
})

describe('help and version', () => {
  const names = [
    'serve',
    'deploy',
    'list',
    'show',
    'versions',
    'rollback',
    'delete',
    'invoke',
    'workers',
    'gc',
    'backup',
    'restore',
    'check',
    'doctor',
    'config',
    'version',
  ]

  test('of every command shows examples and the flags that all take', async () => {
    for (const name of names) {
      const { status, stdout } = await run([name, '--help'])
      expect(status).toBe(0)
      for (const word of ['Examples:', '--data-dir', '--socket', '--json', 'FUNCTIONS_DATA_DIR']) {
        expect(stdout).toContain(word)
      }
    }
    const { stdout } = await run(['--help'])
    for (const name of names) {
      expect(stdout).toContain(`  ${name} `)
    }
  })

  test('prints the release and those of the runtimes', async () => {
    const { status, stdout } = await run(['version'])
    expect(status).toBe(0)
    expect(stdout).toMatch(
      new RegExp(`^functions ${RELEASE} \\(quickjs-ng/\\d\\S+, bun/\\d\\S+\\)\n`),
    )
    const document = JSON.parse((await run(['version', '--json'])).stdout)
    expect(document.version).toBe(RELEASE)
    expect(document.engines[0]).toBe(`quickjs-ng/${document.libraries['quickjs-ng']}`)
    const names = ['quickjs-ng', 'libuv', 'ada', 'yyjson', 'zlib', 'mbedtls']
    expect(Object.keys(document.libraries)).toEqual(names)
    for (const name of names) expect(stdout).toContain(`  ${name} ${document.libraries[name]}\n`)
  })

  test('prints the licences of what it contains', async () => {
    const { status, stdout } = await run(['version', '--licenses'])
    expect(status).toBe(0)
    expect(stdout).toContain('# Third-party notices')
    expect(stdout).toContain('| quickjs-ng | ')
  })
})

describe('config', () => {
  test('prints each value and where it came from', async () => {
    const file = source('f.toml', '[server]\nport = 1234\n[pool]\nqueue_timeout = "5s"\n')
    const env = { FUNCTIONS_SERVER_HOST: '0.0.0.0' }
    const args = ['config', '--config', file, '--max-body', '1MB']
    const text = (await run(args, env)).stdout
    expect(text).toMatch(/^server\.port +1234 +\S+f\.toml:2$/m)
    expect(text).toMatch(/^server\.host +0\.0\.0\.0 +FUNCTIONS_SERVER_HOST$/m)
    expect(text).toMatch(/^server\.max_body +1MB +--max-body$/m)
    expect(text).toMatch(/^pool\.queue_timeout +5s +\S+f\.toml:4$/m)
    expect(text).toMatch(/^worker\.runtime +bun +default$/m)
    const document = JSON.parse((await run([...args, '--json'], env)).stdout)
    expect(document['server.port']).toEqual({ value: 1234, source: `${file}:2` })
  })

  test('that is wrong is exit 1, with file and line', async () => {
    const file = source('f.toml', '[server]\nprot = 1\n')
    const result = await run(['list', '--config', file])
    refused(result, 1)
    expect(result.stderr).toContain(`${file}:2`)
    const { error } = JSON.parse((await run(['list', '--json', '--config', file])).stderr)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', file, line: 2 })
  })

  test('that was only found chooses no program', async () => {
    source('functions.toml', '[worker]\nquickjs_path = "/bin/true"\n')
    const before = process.cwd()
    process.chdir(dir)
    try {
      const result = await command('version')
      refused(result, 1)
      expect(result.stderr).toContain('worker.quickjs_path')
      expect((await command('version', '--config', 'functions.toml')).status).toBe(0)
      expect((await command('list')).status).toBe(0)
    } finally {
      process.chdir(before)
    }
  })
})

describe('without a service', () => {
  test('a data directory that is not there has no functions, and stays away', async () => {
    const listed = await command('list', '--json')
    expect(JSON.parse(listed.stdout)).toEqual([])
    expect(listed.stderr).toContain(`There is no data directory at ${dataDir}`)
    for (const args of [
      ['gc', '--dry-run'],
      ['delete', 'app'],
      ['rollback', 'app'],
    ]) {
      const result = await command(...args)
      refused(result, 1)
      expect(result.stderr).toContain(`There is no data directory at ${dataDir}`)
    }
    refused(await command('show', 'app'), 1)
    refused(await command('versions', 'app'), 1)
    expect(existsSync(dataDir)).toBe(false)
  })

  test('workers and invoke say so', async () => {
    for (const args of [['workers'], ['invoke', 'app']]) {
      const result = await command(...args)
      refused(result, 1)
      expect(result.stderr).toContain('functions serve')
    }
  })

  test('deploy, list, show, versions, rollback and delete work on the data directory', async () => {
    const one = source('one.ts', GOOD)
    const first = await command('deploy', 'app', one, '--json')
    expect(first.stderr).toBe('')
    expect(JSON.parse(first.stdout)).toMatchObject({
      function: 'app',
      version: 'v1',
      runtime: 'quickjs-ng',
      profile: 'strict',
      live: false,
    })
    const two = source('two.ts', GOOD.replace('good', 'better'))
    const flags = ['--memory', '64MB', '--timeout', '5s', '--cpu', '500ms', '--expose-errors']
    flags.push('--no-retry')
    expect((await command('deploy', 'app', two, ...flags)).stdout).toContain('app v2')
    const shown = JSON.parse((await command('show', 'app', '--json')).stdout)
    expect(shown).toMatchObject({
      version: 'v2',
      capabilities: { maxMemory: 64 * 2 ** 20, maxCpu: 500 },
      config: { timeoutMs: 5000, exposeErrors: true, retry: false },
    })
    expect((await command('show', 'app')).stdout).toMatch(/^retry +false$/m)
    expect((await command('deploy', 'app', two, '--version', 'v2')).stderr).toContain(
      'already exists with different settings',
    )
    expect((await command('rollback', 'app')).stdout).toContain('v1')
    expect((await command('show', 'app')).stdout).not.toContain('retry')
    const versions = JSON.parse((await command('versions', 'app', '--json')).stdout)
    expect(versions).toEqual([
      expect.objectContaining({ version: 'v2', active: false }),
      expect.objectContaining({ version: 'v1', active: true }),
    ])
    expect((await command('list')).stdout).toMatch(/^app +quickjs-ng +v1 +deployed +strict /m)
    expect((await command('delete', 'app')).status).toBe(0)
    expect(JSON.parse((await command('list', '--json')).stdout)).toEqual([])
  })

  test('show --source-map prints the map of the active version, or of another', async () => {
    const text = 'interface A { a: number }\n\nexport default () => new Response("1")\n'
    await command('deploy', 'app', source('first.ts', text))
    await command('deploy', 'app', source('second.ts', text.replace('"1"', '"2"')))
    const active = JSON.parse((await command('show', 'app', '--source-map')).stdout)
    expect(active).toMatchObject({ version: 3, sources: ['second.ts'] })
    const map = new TraceMap(active)
    expect(active.mappings.length).toBeGreaterThan(5)
    expect(originalPositionFor(map, { line: 2, column: 20 }).source).toBe('second.ts')
    const older = await command('show', 'app', '--source-map', '--version', 'v1', '--json')
    expect(JSON.parse(older.stdout)).toMatchObject({ version: 3, sources: ['first.ts'] })
  })

  test('show --source-map says what is wrong', async () => {
    await command('deploy', 'app', source('app.ts', GOOD))
    const wrong: [string[], string][] = [
      [['absent', '--source-map'], "Function 'absent' does not exist"],
      [['app', '--source-map', '--version', 'v9'], "has no version 'v9'"],
      [['app', '--source-map', '--version', '../v1'], 'version'],
      [['app', '--version', 'v1'], '--source-map'],
    ]
    for (const [args, message] of wrong) {
      const { status, stdout, stderr } = await command('show', ...args)
      expect([args, status > 0, stdout]).toEqual([args, true, ''])
      expect(stderr).toContain(message)
    }
    rmSync(join(dataDir, 'bundles/func-app/v1/bundle.js.map'))
    const lost = await command('show', 'app', '--source-map')
    expect(lost.status).toBe(1)
    expect(lost.stderr).toContain('functions check')
  })

  test('a bundle that is refused is exit 1 with the tenant’s file and line', async () => {
    const file = source('bad.ts', 'interface A { a: 1 }\n\nthrow new Error("no luck")\n')
    const text = await command('deploy', 'bad', file)
    refused(text, 1)
    expect(text.stderr).toMatch(/^bad\.ts:3:\d+: .*no luck/)
    const { error } = JSON.parse((await command('deploy', 'bad', file, '--json')).stderr)
    expect(error).toMatchObject({ code: 'BUNDLE_REFUSED', file: 'bad.ts', line: 3 })
  })

  test('a data directory that cannot be looked into is not taken for an empty one', async () => {
    const result = await run(['list', '--data-dir', join(dir, 'x'.repeat(300))])
    refused(result, 1)
    expect(result.stderr).toContain('cannot be used')
  })

  test('the lock of another command is waited for', async () => {
    mkdirSync(dataDir)
    const lock = tryLockDataDir(dataDir)
    const deploying = command('deploy', 'app', source('one.ts', GOOD))
    await Bun.sleep(300)
    MetadataStore.open(dataDir).close()
    lock?.release()
    expect((await deploying).status).toBe(0)
  })
})
