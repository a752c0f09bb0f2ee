/** SIGHUP reloads the settings; SIGTERM drains; a second SIGTERM or SIGINT ends at once. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { alive, descendants, parentOf, problem, type Service, Workspace } from './harness.ts'

const SOURCE = `
const later = (ms) => new Promise((done) => setTimeout(done, ms))
export default async (req) => {
  const url = new URL(req.url)
  if (url.pathname === '/never') return await new Promise(() => {})
  if (url.pathname === '/slow') { await later(Number(url.searchParams.get('ms'))); return new Response('slow') }
  if (url.pathname === '/fetch') {
    try { return new Response(await (await fetch(url.searchParams.get('to'))).text()) }
    catch (error) { return new Response('refused: ' + error.message) }
  }
  return new Response(String((await req.arrayBuffer()).byteLength))
}
`

const space = new Workspace()
const toml = join(space.dir, 'functions.toml')
const upstream = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: () => new Response('upstream'),
})
let service: Service
const receivers: Bun.Subprocess[] = []

/** Replaces the file in one step, as an editor or a configuration tool does. */
function write(text: string): void {
  writeFileSync(`${toml}.new`, text)
  renameSync(`${toml}.new`, toml)
}

interface Line {
  message: string
  changed?: string
  settings?: string
  reason?: string
  file?: string
  line?: number
}

/** The whole lines of the log. */
const lines = (): Line[] =>
  service.log
    .split('\n')
    .slice(0, -1)
    .map((text) => JSON.parse(text) as Line)

/** Sends SIGHUP and returns the lines that it causes. */
async function hangUp(count = 1): Promise<Line[]> {
  const before = lines().length
  service.process.kill('SIGHUP')
  await eventually('the service logs', () => lines().length >= before + count)
  return lines().slice(before)
}

beforeAll(async () => {
  write('[server]\ntimeout = "20s"\nmax_body = "1KB"\n')
  const profile = space.source('net.json', '{"allowNetwork":true}')
  await space.deploy('f', SOURCE, '--profile', profile)
  service = await space.serve()
}, 60_000)

afterAll(async () => {
  await service.stop('SIGKILL')
  upstream.stop(true)
  for (const child of receivers) child.kill('SIGKILL')
  space.remove()
})

/** The children that share the process group of the service: its launchers. */
function launchers(pid: number): number[] {
  return descendants(pid).filter((child) => {
    try {
      return parentOf(child) === pid && groupOf(child) === groupOf(pid)
    } catch {
      return false
    }
  })
}

/** The third field behind the name in /proc/PID/stat. */
function groupOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]
}

describe('SIGHUP', () => {
  test('applies reloadable settings to a function that is already loaded', async () => {
    const body = 'x'.repeat(5_000)
    const to = `/functions/f/fetch?to=http://127.0.0.1:${upstream.port}/`
    expect((await service.fetch('/functions/f', { method: 'POST', body })).status).toBe(413)
    expect(await (await service.fetch(to)).text()).toStartWith('refused')
    write(`[server]
timeout = "300ms"
max_body = "10KB"
[egress]
allow_private = ["127.0.0.1:${upstream.port}"]
`)
    const [line] = await hangUp()
    expect(line).toMatchObject({ message: 'settings reloaded', file: 'functions.toml' })
    expect(line?.changed).toBe('server.max_body, server.timeout, egress.allow_private')
    const accepted = await service.fetch('/functions/f', { method: 'POST', body })
    expect(await accepted.text()).toBe('5000')
    expect(await (await service.fetch(to)).text()).toBe('upstream')
    const late = await problem(await service.fetch('/functions/f/never'))
    expect(late).toMatchObject({ code: 'TIMEOUT', detail: expect.stringContaining('300 ms') })
  })

  test('takes an allowance back, and a connection that is kept does not outlive it', async () => {
    const to = `/functions/f/fetch?to=http://127.0.0.1:${upstream.port}/`
    expect(await (await service.fetch(to)).text()).toBe('upstream')
    write('[server]\ntimeout = "300ms"\nmax_body = "10KB"\n')
    await hangUp()
    expect(await (await service.fetch(to)).text()).toStartWith('refused')
  })

  test('names settings that need a restart, and keeps their values', async () => {
    write('[server]\ntimeout = "400ms"\nport = 1\nhost = "0.0.0.0"\n[sandbox]\nuid = 70000\n')
    const [reloaded, warning] = await hangUp(2)
    // The flag --port of this service overrides the file.
    expect(reloaded?.changed).toBe('server.max_body, server.timeout')
    expect(warning?.message).toContain('need a restart')
    expect(warning?.settings).toBe('server.host, sandbox.uid')
    expect((await service.fetch('/ready')).status).toBe(200)
  })

  const invalid: [string, string, RegExp, number | undefined][] = [
    ['TOML', '[server]\ntimeout = "1s"\nport = [\n', /invalid TOML/, 3],
    ['a value', '[server]\ntimeout = "1s"\nmax_body = "many"\n', /max_body must be a size/, 3],
    ['a key', '[server]\ntimeout = "1s"\n[pool]\nqeue = 1\n', /did you mean pool\.queue/, 4],
  ]
  for (const [what, text, reason, line] of invalid) {
    test(`changes nothing where ${what} is not valid, and logs file and line`, async () => {
      write('[server]\ntimeout = "350ms"\n')
      await hangUp()
      write(text)
      const [refused] = await hangUp()
      expect(refused?.message).toStartWith('settings not reloaded')
      expect(refused).toMatchObject({ file: 'functions.toml', line })
      expect(refused?.reason).toMatch(reason)
      const late = await problem(await service.fetch('/functions/f/never'))
      expect(late.detail).toContain('350 ms')
    })
  }

  test('changes nothing where the file is gone, or became a pipe that nobody writes', async () => {
    rmSync(toml)
    expect((await hangUp())[0]?.reason).toContain('does not exist any more')
    expect(Bun.spawnSync(['mkfifo', toml]).exitCode).toBe(0)
    expect((await hangUp())[0]?.reason).toContain('is not a regular file')
    expect((await service.fetch('/health')).status).toBe(200)
  })

  test('in a flood, to the whole process group, fails no request', async () => {
    rmSync(toml)
    write('[server]\ntimeout = "20s"\n')
    await hangUp()
    const group = launchers(service.process.pid)
    expect(group.length).toBeGreaterThan(0)
    const open = Array.from({ length: 20 }, () => service.fetch('/functions/f/slow?ms=300'))
    for (let i = 0; i < 500; i++) {
      service.process.kill('SIGHUP')
      if (i % 50 === 0) await (await service.fetch('/functions/f')).text()
    }
    // As a terminal does when it is closed: to every process of the group.
    for (const child of group) process.kill(child, 'SIGHUP')
    for (const response of await Promise.all(open)) expect(await response.text()).toBe('slow')
    expect(group.every(alive)).toBe(true)
  }, 20_000)
})

/**
 * Starts a service that gets SIGHUP all the time until it is ready. It has no handler only while Bun
 * itself starts: the kernel would end it then.
 */
async function startUnderFire(other: Workspace): Promise<Service> {
  const lock = join(other.dataDir, 'service.lock')
  rmSync(lock, { force: true })
  let changed = false
  const starting = other.serve()
  const fire = setInterval(() => {
    // The configuration is read before the lock is taken.
    if (!changed && existsSync(lock)) {
      changed = true
      writeFileSync(join(other.dir, 'functions.toml'), '[server]\nmax_body = "1KB"\n')
    }
    for (const pid of descendants(process.pid)) if (handles(other, pid)) process.kill(pid, 'SIGHUP')
  }, 1)
  const started = await starting
  clearInterval(fire)
  await eventually('the change is applied', () => started.log.includes('server.max_body'))
  return started
}

/** Receives what the services of a workspace report to systemd. */
async function receiveReports(other: Workspace): Promise<{ text: string }> {
  const path = join(other.dir, 'notify')
  other.environment.NOTIFY_SOCKET = path
  const program = `
import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
while True: print(receiver.recv(4096).decode() + '\\n', flush=True)
`
  const child = Bun.spawn(['python3', '-c', program, path], { stdout: 'pipe' })
  receivers.push(child)
  const reports = { text: '' }
  void (async () => {
    for await (const chunk of child.stdout) reports.text += new TextDecoder().decode(chunk)
  })()
  await eventually('the receiver is bound', () => existsSync(path))
  return reports
}

/** Is this the service of the workspace, with a handler for SIGHUP? */
function handles(other: Workspace, pid: number): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    const caught = /^SigCgt:\s+(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    const handled = (Number.parseInt(caught?.at(-1) ?? '0', 16) & 1) === 1
    return handled && parentOf(pid) === process.pid && words.includes(other.dataDir)
  } catch {
    return false
  }
}

describe('a service of its own', () => {
  test('survives SIGHUP while it starts and while it stops, and applies what changed meanwhile', async () => {
    const other = new Workspace()
    writeFileSync(join(other.dir, 'functions.toml'), '[server]\ntimeout = "20s"\n')
    await other.deploy('f', SOURCE)
    const reports = await receiveReports(other)
    const late = await startUnderFire(other)
    const reload = /READY=1[\s\S]*RELOADING=1\nMONOTONIC_USEC=\d+\n\nREADY=1/
    await eventually('systemd learns of the reload', () => reload.test(reports.text))
    const large = await late.fetch('/functions/f', { method: 'POST', body: 'x'.repeat(2_000) })
    expect(large.status).toBe(413)
    const open = late.fetch('/functions/f/slow?ms=200')
    await eventually('the request runs', async () =>
      (await late.metrics()).includes('functions_in_flight 1'),
    )
    late.process.kill('SIGTERM')
    await eventually('it drains', async () => (await late.fetch('/ready')).status === 503)
    for (let i = 0; i < 20; i++) late.process.kill('SIGHUP')
    expect(await (await open).text()).toBe('slow')
    expect(await late.process.exited).toBe(0)
    expect(late.log).toContain('settings not reloaded: the service is stopping')
    other.remove()
  }, 20_000)

  for (const second of ['SIGTERM', 'SIGINT'] as const) {
    test(`ends at once by ${second} while it drains, with status 1 and without its workers`, async () => {
      const other = new Workspace()
      await other.deploy('f', SOURCE)
      const stopping = await other.serve()
      const open = stopping.fetch('/functions/f/slow?ms=30000').catch(() => 'reset')
      await eventually('the request runs', async () =>
        (await stopping.metrics()).includes('functions_in_flight 1'),
      )
      const processes = descendants(stopping.process.pid)
      stopping.process.kill('SIGTERM')
      await eventually('it drains', async () => (await stopping.fetch('/ready')).status === 503)
      stopping.process.kill(second)
      expect(await stopping.process.exited).toBe(1)
      expect(await open).toBe('reset')
      await eventually('its workers are gone', () => !processes.some(alive))
      other.remove()
    }, 20_000)
  }
})
