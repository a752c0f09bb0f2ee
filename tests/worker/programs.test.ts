/** node:child_process in the real worker: the output of programs, and that they end with their request. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import { eventually } from '../../src/testing/eventually.ts'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'
import type { TestWorker } from './test-worker.ts'

let zygote: TestZygote
let dir: string

beforeAll(async () => {
  zygote = await startZygote()
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'functions-programs-')))
  chmodSync(dir, 0o777)
})

afterAll(async () => {
  await zygote.close()
  rmSync(dir, { recursive: true })
})

const ALL: Partial<Capabilities> = {
  allowFilesystem: true,
  allowChildProcess: true,
  maxFileDescriptors: 100,
}

async function start(body: string, more: Partial<Capabilities> = {}): Promise<TestWorker> {
  const capabilities = { ...ALL, ...more }
  const source = `import { execFile, spawn } from 'node:child_process'
    import { promisify } from 'node:util'
    const DIR = ${JSON.stringify(dir)}
    const exec = promisify(execFile)
    const ended = (child) => new Promise((resolve) => {
      child.on('error', (error) => resolve(error.code))
      child.on('close', (code, signal) => resolve([code, signal]))
    })
    export default async (req) => {
      const path = new URL(req.url).pathname
      return Response.json((await (async () => { ${body} })()) ?? null)
    }`
  const bundle = await bundleOf(source, capabilities)
  return await zygote.worker({ bundle, capabilities })
}

async function answer(body: string, more?: Partial<Capabilities>): Promise<unknown> {
  const worker = await start(body, more)
  try {
    return await worker.json()
  } finally {
    worker.close()
  }
}

test('programs take no right to files', async () => {
  const body = `return (await exec('/bin/echo', ['answer'])).stdout`
  expect(await answer(body, { allowFilesystem: false })).toBe('answer\n')
})

/** The pids that scripts of a test recorded, translated to the namespace of this test. */
function running(marker: string): number[] {
  const { stdout } = Bun.spawnSync(['pgrep', '-f', marker])
  return stdout.toString().split('\n').filter(Boolean).map(Number)
}

async function gone(marker: string): Promise<void> {
  await eventually(`no process of ${marker} runs`, () => running(marker).length === 0)
}

describe('node:child_process', () => {
  test('serves every request of a worker, one after the other and beside each other', async () => {
    const worker = await start(`
      const child = spawn('/bin/echo', [path])
      let out = ''
      child.stdout.on('data', (data) => { out += data })
      await ended(child)
      return out`)
    for (const path of ['/a', '/b', '/c']) {
      const { text } = await worker.invoke({ url: `http://localhost${path}` })
      expect(JSON.parse(text)).toBe(`${path}\n`)
    }
    const both = await Promise.all(
      ['/d', '/e'].map((path) => worker.invoke({ url: `http://localhost${path}` })),
    )
    expect(both.map(({ text }) => JSON.parse(text))).toEqual(['/d\n', '/e\n'])
    worker.close()
  })

  test('runs a program to its end, with arguments, input, environment and folder', async () => {
    const seen = await answer(`
      const child = spawn('sh', ['-c', 'cat; echo "$A:$HOME:$(pwd):$0" >&2; exit 3', 'name'], { env: { A: 'é' }, cwd: DIR })
      child.stdin.end('from stdin')
      const texts = [], errors = []
      child.stdout.on('data', (chunk) => texts.push(chunk.toString()))
      child.stderr.setEncoding('utf8').on('data', (chunk) => errors.push(chunk))
      let exit
      child.on('exit', (code) => { exit = code })
      return [await ended(child), texts.join(''), errors.join(''), exit, child.pid > 0, child.exitCode]`)
    expect(seen).toEqual([[3, null], 'from stdin', `é::${dir}:name\n`, 3, true, 3])
  })

  test('execFile gives outputs, or an error with them', async () => {
    const seen = await answer(`
      const good = await exec('echo', ['a', 'b c'])
      const bad = await exec('sh', ['-c', 'echo out; echo err >&2; exit 7']).catch((error) => error)
      const none = await exec('no-such-program').catch((error) => error)
      const much = await exec('sh', ['-c', 'yes | head -c 3000000'], { maxBuffer: 1000 }).catch((error) => error)
      const raw = await exec('printf', ['x'], { encoding: 'buffer' })
      return [good, bad.code, bad.stdout, bad.stderr, none.code, none.syscall, much.code, raw.stdout instanceof Uint8Array]`)
    expect(seen).toEqual([
      { stdout: 'a b c\n', stderr: '' },
      7,
      'out\n',
      'err\n',
      'ENOENT',
      'spawn',
      'ERR_CHILD_PROCESS_STDIO_MAXBUFFER',
      true,
    ])
  })

  test('streams a megabyte through a program both ways', async () => {
    const seen = await answer(`
      const child = spawn('cat')
      const block = new Uint8Array(65536).fill(97)
      let read = 0
      child.stdout.on('data', (chunk) => { read += chunk.length })
      for (let i = 0; i < 16; i++) {
        if (!child.stdin.write(block)) await new Promise((resolve) => child.stdin.once('drain', resolve))
      }
      child.stdin.end()
      return [await ended(child), read]`)
    expect(seen).toEqual([[0, null], 1_048_576])
  })

  test('kills, by hand, at its timeout and by a signal', async () => {
    const seen = await answer(`
      const one = spawn('sleep', ['60']); const first = ended(one); one.kill()
      const two = spawn('sleep', ['60'], { timeout: 50, killSignal: 'SIGKILL' })
      const controller = new AbortController()
      const three = spawn('sleep', ['60'], { signal: controller.signal })
      const third = new Promise((resolve) => three.on('error', () => {}).on('close', resolve)); controller.abort()
      await third
      return [await first, one.killed, await ended(two), three.signalCode]`)
    expect(seen).toEqual([[null, 'SIGTERM'], true, [null, 'SIGKILL'], 'SIGTERM'])
  })

  test('says stdio: inherit goes to the log, ignore nowhere', async () => {
    const worker = await start(`
      await ended(spawn('echo', ['logged'], { stdio: 'inherit' }))
      await ended(spawn('sh', ['-c', 'echo lost; cat'], { stdio: 'ignore' }))`)
    const { logs } = await worker.invoke()
    expect(logs.map(({ message }) => message)).toEqual(['logged'])
  })
})

describe('programs', () => {
  test('end with the request that started them, with all that they started', async () => {
    const marker = `sleep 4321.${process.pid}1`
    const worker = await start(`
      const child = spawn('sh', ['-c', '${marker} & ${marker}'])
      child.on('exit', () => console.log('never told'))
      await new Promise((resolve) => child.once('spawn', resolve))
      if (path === '/throw') throw new Error('failed')`)
    const { logs } = await worker.invoke()
    expect(logs).toEqual([])
    await gone(marker)
    await worker.invoke({ url: 'http://localhost/throw' })
    await gone(marker)
    expect(await worker.json()).toBe(null)
  })

  test('end with their worker', async () => {
    const marker = `sleep 4321.${process.pid}2`
    const body = `spawn('sh', ['-c', '${marker} & ${marker}']); console.log('up'); await new Promise(() => {})`
    const closed = await start(body)
    const one = closed.begin()
    await one.find(({ type }) => type === 'log')
    closed.close()
    await gone(marker)
  })

  test('are sixteen at once at most', async () => {
    const seen = await answer(`
      const children = Array.from({ length: 17 }, () => spawn('sleep', ['60']))
      const codes = await Promise.all(children.map((child) =>
        new Promise((resolve) => child.on('error', (error) => resolve(error.code)).on('spawn', () => resolve('spawned')))))
      return codes.slice(15)`)
    expect(seen).toEqual(['spawned', 'EAGAIN'])
  })

  test('lie inside the allowed paths, after links, or are of the system', async () => {
    mkdirSync(join(dir, 'in'))
    for (const script of [join(dir, 'script'), join(dir, 'in/tenant-script')]) {
      writeFileSync(script, '#!/bin/sh\necho ran\n')
      chmodSync(script, 0o755)
    }
    symlinkSync(join(dir, 'script'), join(dir, 'in/link'))
    const seen = await answer(
      `const code = (...args) => exec(...args).then(({ stdout }) => stdout, (error) => error.code)
      return [await code(DIR + '/in/tenant-script'), await code(DIR + '/tenant-script'), await code(DIR + '/in/link'),
        await code('echo', ['of the system']), await code('/usr/../' + DIR + '/tenant-script'),
        await code(DIR + '/in/tenant-script', [], { cwd: '/etc' }), await code('tenant-script', [], { env: { PATH: '/bin:' + DIR + '/in' } })]`,
      { allowedPaths: [join(dir, 'in')] },
    )
    expect(seen).toEqual([
      'ran\n',
      'EACCES',
      'EACCES',
      'of the system\n',
      'EACCES',
      'EACCES',
      'ran\n',
    ])
  })

  test('are not there without the capability', async () => {
    expect(bundleOf("\nimport 'node:child_process'", { allowFilesystem: true })).rejects.toThrow(
      "'node:child_process' needs a profile with allowChildProcess, which this one does not give.",
    )
    const bundle = `export default () => import('fn:process').then(() => new Response('there'), (e) => new Response(e.message))`
    const worker = await zygote.worker({ bundle, capabilities: { allowFilesystem: true } })
    expect((await worker.invoke()).text).toBe(
      "cannot import 'fn:process': the function's profile does not allow it",
    )
  })
})
