import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { CONFIG_KEYS, settingsOf } from './keys.ts'
import { loadConfig } from './load.ts'

const dir = mkdtempSync(join(tmpdir(), 'functions-config-'))
const file = join(dir, 'functions.toml')

afterEach(() => rmSync(file, { force: true, recursive: true }))
afterAll(() => rmSync(dir, { recursive: true }))

function load(toml: string, flags: Record<string, string> = {}, env: Record<string, string> = {}) {
  writeFileSync(file, toml)
  return loadConfig({ flags: { config: file, ...flags }, env })
}

function failure(act: () => unknown): FunctionError {
  try {
    act()
  } catch (error) {
    if (error instanceof FunctionError) {
      return error
    }
    throw error
  }
  throw new Error('it did not fail')
}

describe('the order', () => {
  const toml = '[server]\nport = 1111\nhost = "10.0.0.1"\nmax_body = "1MB"\n'

  test('is flag, environment, file, default, and each value tells its own', () => {
    const env = { FUNCTIONS_SERVER_PORT: '2222', FUNCTIONS_SERVER_HOST: '10.0.0.2' }
    const { config, sources } = load(toml, { port: '3333' }, env)
    expect(config.server.port).toBe(3333)
    expect(config.server.host).toBe('10.0.0.2')
    expect(config.server.maxBody).toBe(2 ** 20)
    expect(config.server.timeout).toBe(30_000)
    expect(sources.get('server.port')).toEqual({ kind: 'flag', label: '--port' })
    expect(sources.get('server.host')?.label).toBe('FUNCTIONS_SERVER_HOST')
    expect(sources.get('server.max_body')?.label).toBe(`${file}:4`)
    expect(sources.get('server.timeout')?.label).toBe('default')
  })

  test('leaves an empty variable out', () => {
    expect(load(toml, {}, { FUNCTIONS_SERVER_PORT: '' }).config.server.port).toBe(1111)
  })

  test('derives the socket from the data directory, wherever that was set', () => {
    const { config } = load('[server]\ndata_dir = "/var/lib/functions"\n')
    expect(config.server.socket).toBe('/var/lib/functions/functions.sock')
    const env = { FUNCTIONS_DATA_DIR: '/data', FUNCTIONS_SOCKET: '/run/f.sock' }
    expect(load('', {}, env).config.server).toMatchObject({
      dataDir: '/data',
      socket: '/run/f.sock',
    })
  })

  test('has the documented defaults', () => {
    const { config } = load('')
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 8080, maxBody: 100 * 2 ** 20 })
    expect(config.worker.runtime).toBe('bun')
    expect(config.pool).toMatchObject({ maxWorkers: 1000, maxWorkersPerFunction: 10 })
    expect(config.pool).toMatchObject({ concurrency: 32, queue: 1000, queueTimeout: 10_000 })
  })
})

describe('values', () => {
  test('may stand in any form of table', () => {
    const text = 'pool.max_workers = 5\nserver = { port = 1, "max_body" = 10 }\n[worker]\n'
    const { config } = load(text)
    expect(config.pool.maxWorkers).toBe(5)
    expect(config.server).toMatchObject({ port: 1, maxBody: 10 })
  })

  test('of a list stand in an array, or between commas', () => {
    const list = ['10.0.0.1:80', '[::1]:443', '192.168.0.0/16', 'fd00::/8']
    const toml = `[egress]\nallow_private = ${JSON.stringify(list)}\n`
    expect(load(toml).config.egress.allowPrivate).toEqual(list)
    const env = { FUNCTIONS_EGRESS_ALLOW_PRIVATE: list.join(', ') }
    expect(load('', {}, env).config.egress.allowPrivate).toEqual(list)
  })

  test('have a word each in the environment, the file and the flags', () => {
    for (const names of ['env', 'key', 'flag'] as const) {
      expect(new Set(CONFIG_KEYS.map((key) => key[names])).size).toBe(CONFIG_KEYS.length)
    }
    const words = CONFIG_KEYS.map((key) => `${key.key} ${key.env}`)
    expect(words).toContain('server.data_dir FUNCTIONS_DATA_DIR')
    expect(words).toContain('worker.quickjs_path FUNCTIONS_WORKER_QUICKJS_PATH')
    expect(words).toContain('pool.max_workers FUNCTIONS_POOL_MAX_WORKERS')
    expect(words).toContain('egress.allow_private FUNCTIONS_EGRESS_ALLOW_PRIVATE')
  })
})

describe('a password', () => {
  const proxy = 'http://user:pass%2Fword@proxy.example.com:3128'

  test('is read from the file and from the environment', () => {
    expect(load(`[egress]\nproxy = "${proxy}"\n`).config.egress.proxy).toBe(proxy)
    expect(load('', {}, { FUNCTIONS_EGRESS_PROXY: proxy }).config.egress.proxy).toBe(proxy)
  })

  test('is refused in a flag, where other users can read it', () => {
    const error = failure(() => load('', { 'egress-proxy': proxy }))
    expect(error.message).toContain('FUNCTIONS_EGRESS_PROXY')
    expect(error.message).not.toContain('pass%2Fword')
    const plain = 'http://proxy.example.com:3128'
    expect(load('', { 'egress-proxy': plain }).config.egress.proxy).toBe(plain)
  })

  test('is in no error and in no list of settings', () => {
    const error = failure(() => load(`[egress]\nproxy = "${proxy}/path"\n`))
    expect(error.message).not.toContain('pass%2Fword')
    const settings = settingsOf(load(`[egress]\nproxy = "${proxy}"\n`).config)
    expect(settings['egress.proxy']).toBe('http://***@proxy.example.com:3128')
  })
})

describe('what is wrong stops, with its name and line', () => {
  const rows: [string, RegExp][] = [
    ['[server]\nport = 8080\nprot = 1\n', /functions\.toml:3: server\.prot.*server\.port/],
    ['[server]\n\nport = "many"\n', /functions\.toml:3: server\.port.*"many"/],
    ['[server]\nport = 65536\n', /functions\.toml:2: server\.port/],
    ['[server]\nport = 80.5\n', /functions\.toml:2: server\.port/],
    ['[server\n', /functions\.toml:1: invalid TOML/],
    ['[pool]\nmax_workers = -1\n', /functions\.toml:2: pool\.max_workers/],
    ['[server]\nmax_body = "12 parsecs"\n', /functions\.toml:2: server\.max_body/],
    ['[server]\ntimeout = 30\n', /functions\.toml:2: server\.timeout.*duration/],
    ['[server]\nhost = ""\n', /functions\.toml:2: server\.host/],
    ['[servr]\n', /functions\.toml:1: servr/],
    ['[[server]]\nport = 1\n', /functions\.toml:1: server/],
    ['port = 1\n', /functions\.toml:1: port/],
    ['[server]\nport = 1\nport = 2\n', /functions\.toml:3/],
    ['[egress]\nallow_private = ["10.0.0.0/33"]\n', /functions\.toml:2: egress\.allow_private/],
    ['[egress]\nresolver = "dns.example:53"\n', /functions\.toml:2: egress\.resolver/],
    [
      '[egress]\nproxy = "https://proxy.example.com"\n',
      /functions\.toml:2: egress\.proxy.*HTTP proxy/,
    ],
    ['[egress]\nproxy = "http://proxy.example.com/path"\n', /functions\.toml:2: egress\.proxy/],
    ['[egress]\nproxy = "proxy.example.com:3128"\n', /functions\.toml:2: egress\.proxy/],
    ['[sandbox]\nuid = 0\n', /functions\.toml:2: sandbox\.uid/],
    ['[server.port]\nx = 1\n', /functions\.toml:2: server\.port\.x/],
  ]
  for (const [toml, what] of rows) {
    test(JSON.stringify(toml), () => {
      const error = failure(() => load(toml))
      expect(error.code).toBe('CONFIG_INVALID')
      expect(error.message).toMatch(what)
      expect(error.message).not.toContain('\n')
    })
  }

  test('in the environment', () => {
    const error = failure(() => load('', {}, { FUNCTIONS_SERVER_PORT: 'many' }))
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain('FUNCTIONS_SERVER_PORT')
    expect(failure(() => load('', {}, { FUNCTIONS_POOL_MAX_WORKER: '1' })).message).toContain(
      'did you mean FUNCTIONS_POOL_MAX_WORKERS?',
    )
  })

  test('in a flag, which is wrong usage', () => {
    const error = failure(() => load('', { port: 'many' }))
    expect(error.code).toBe('BAD_REQUEST')
    expect(error.message).toMatch(/--port.*must be a whole number/)
  })

  test('where a variable may belong to another program it is a warning', () => {
    const { warnings } = load('', {}, { FUNCTIONS_SERVICE_HOST: '10.0.0.1', PATH: '/bin' })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('FUNCTIONS_SERVICE_HOST')
  })

  test('where the named file does not exist or is not a file', () => {
    const missing = () => loadConfig({ flags: { config: join(dir, 'none.toml') }, env: {} })
    expect(failure(missing).message).toContain('none.toml')
    mkdirSync(file)
    const folder = () => loadConfig({ flags: { config: file }, env: {} })
    expect(failure(folder).message).toContain('cannot be read')
    const endless = () => loadConfig({ flags: { config: '/dev/zero' }, env: {} })
    expect(failure(endless).message).toContain('/dev/zero is larger than 1048576 bytes')
  })
})

test('a pipe is read where it is named, and does not block every command of its folder', () => {
  Bun.spawnSync(['mkfifo', file])
  const before = process.cwd()
  process.chdir(dir)
  try {
    const { code, message } = failure(() => loadConfig({ flags: {}, env: {} }))
    expect(code).toBe('CONFIG_INVALID')
    expect(message).toContain('functions.toml in this folder is a pipe')
  } finally {
    process.chdir(before)
  }
  const writer = Bun.spawn(['sh', '-c', `echo 'server.port = 1234' > ${file}`])
  expect(loadConfig({ flags: { config: file }, env: {} }).config.server.port).toBe(1234)
  writer.kill()
})
