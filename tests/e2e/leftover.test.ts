/** Work that requests leave behind, in a whole service: its log lines, its fetches, its limits. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { DnsServer } from '../egress/dns-server.ts'
import { httpUpstream, type Upstream } from '../egress/upstream.ts'
import { type Service, Workspace } from './harness.ts'

const CODE = `
import timers from 'node:timers'
const held = []
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
let pending
let kept = 0
const state = { failed: [], answered: 0 }
const acts = {
  async hello() { return 'hello' },
  log() { setTimeout(() => { console.log('left behind'); Promise.reject(new Error('not caught')) }, 20); return 'early' },
  begin({ url }) { pending = fetch(url).then((r) => r.text()).catch((e) => e.code + ': ' + e.message); return 'early' },
  async join() { return await pending },
  async flood({ url, count }) {
    setTimeout(() => { for (let i = 0; i < Number(count); i++) fetch(url).then((r) => r.text()).then(() => state.answered++, (e) => state.failed.push(e.message)) }, 1)
    return 'early'
  },
  state() { return state },
  async many({ url, count }) {
    let ok = 0
    for (let i = 0; i < Number(count); i++) if ((await fetch(url)).ok) ok++
    return ok
  },
  spin() { setInterval(() => { for (;;); }, 1); return 'early' },
  hog() { setTimeout(() => { const all = []; for (;;) try { all.push(new Array(1e6).fill(all.length)) } catch {} }, 20); return 'early' },
  batch() { setTimeout(() => console.log('flushed'), 500); return 'early' },
  grow() { held.push(new Array(5_000_000).fill(0.5)); return 'grown' },
  reject() { Promise.reject(new Error('not caught')); return 'early' },
  ticks() { setInterval(() => {}, 50); return 'early' },
  delayed() { timers.setTimeout(() => {}, 3_600_000); return 'early' },
  interval() { setInterval(function poll() { kept++ }, 60_000); return 'early' },
}
export default async (req) => {
  const params = Object.fromEntries(new URL(req.url).searchParams)
  return Response.json(await acts[params.act](params))
}`

let dns: DnsServer
let upstream: Upstream
let release: (() => void)[] = []

beforeAll(async () => {
  dns = await DnsServer.start()
  dns.fallback = ['127.0.0.1']
  upstream = await httpUpstream((request, response) => {
    if (request.url === '/held') release.push(() => response.end('released'))
    else response.end('ok')
  })
})

afterAll(() => {
  upstream.close()
  dns.close()
})

const at = (path: string) => `http://a.allowed.test:${upstream.port}${path}`
const PROFILE = {
  ...{ allowNetwork: true, allowedDomains: ['*.allowed.test'], allowEval: true },
  ...{ maxMemory: '256MB', maxCpu: '5s' },
}

async function deploy(space: Workspace, runtime: string): Promise<void> {
  const profile = space.source('profile.json', JSON.stringify(PROFILE))
  const own = ['--runtime', runtime, '--profile', profile, '--max-workers', '1']
  await space.deploy('some', CODE, ...own)
}

async function start(runtime: string, ...flags: string[]) {
  const space = new Workspace()
  await deploy(space, runtime)
  const egress = ['--egress-resolver', dns.address, '--egress-allow-private', upstream.address]
  const service = await space.serve(...egress, ...flags)
  return { space, service }
}

async function ask(service: Service, act: string, params: Record<string, string> = {}) {
  const query = new URLSearchParams({ act, ...params })
  const response = await service.fetch(`/functions/some?${query}`)
  const id = response.headers.get('x-request-id')
  return { status: response.status, id, value: await response.json() }
}

/** The rows of the log, once the service has stopped. */
async function logOf(space: Workspace, service: Service) {
  await service.stop()
  const db = openTestDatabase(`${space.dataDir}/logs.db`)
  const rows = db.query('SELECT request_id AS id, level, message FROM logs ORDER BY id').all()
  db.close()
  return rows as { id: string | null; level: string; message: string }[]
}

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await Bun.sleep(50)
}

describe.each(['quickjs-ng', 'bun'])('in a %s worker', (runtime) => {
  test('it is logged with the id of its request', async () => {
    const { space, service } = await start(runtime)
    try {
      const { id } = await ask(service, 'log')
      await ask(service, 'hello')
      await Bun.sleep(500)
      const rows = await logOf(space, service)
      expect(rows.find(({ message }) => message === 'left behind')?.id).toBe(id)
      const rejection = rows.find(({ message }) => message.includes('not caught'))
      expect(rejection?.level).toBe('error')
      if (runtime === 'quickjs-ng') expect(rejection?.id).toBe(id)
    } finally {
      space.remove()
    }
  }, 60_000)

  test('a rejection in the turn in which its request ends is logged with its id', async () => {
    const { space, service } = await start(runtime)
    try {
      const { id } = await ask(service, 'reject')
      await ask(service, 'hello')
      const rows = await logOf(space, service)
      expect(rows.find(({ message }) => message.includes('not caught'))?.id).toBe(id)
    } finally {
      space.remove()
    }
  }, 60_000)

  test('an interval is logged when a new version replaces its worker', async () => {
    const { space, service } = await start(runtime, '--worker-background', '2s')
    try {
      await ask(service, 'ticks')
      const before = (await service.workers())[0]?.pid
      await deploy(space, runtime)
      await until(async () => (await service.workers()).every(({ pid }) => pid !== before))
      const rows = await logOf(space, service)
      const line = rows.find(({ message }) => message.startsWith('Ended with this worker'))
      expect(line?.message).toStartWith(
        'Ended with this worker, because another version replaced it: 1 timer',
      )
    } finally {
      space.remove()
    }
  }, 60_000)

  test('a fetch that a request began serves a later one', async () => {
    const { space, service } = await start(runtime)
    try {
      release = []
      expect((await ask(service, 'begin', { url: at('/held') })).value).toBe('early')
      await until(async () => release.length === 1)
      const joined = ask(service, 'join')
      await Bun.sleep(50)
      for (const go of release) go()
      expect((await joined).value).toBe('released')
    } finally {
      await service.stop()
      space.remove()
    }
  }, 60_000)

  test('an open fetch fails when the worker is paused, with the remedy', async () => {
    const { space, service } = await start(runtime, '--worker-background', '500ms')
    try {
      release = []
      await ask(service, 'begin', { url: at('/held') })
      await until(async () => release.length === 1)
      await Bun.sleep(1500)
      const { value } = await ask(service, 'join')
      expect(value).toContain('ERR_PAUSED: fetch: ')
      expect(value).toContain('ctx.waitUntil')
    } finally {
      await service.stop()
      space.remove()
    }
  }, 60_000)

  test('its fetches have a quota of their own, and leave that of requests alone', async () => {
    const { space, service } = await start(runtime)
    try {
      await ask(service, 'flood', { url: at('/'), count: '100' })
      const count = '20'
      expect((await ask(service, 'many', { url: at('/'), count })).value).toBe(20)
      let state = { answered: 0, failed: [] as string[] }
      await until(async () => {
        state = (await ask(service, 'state')).value as typeof state
        return state.answered + state.failed.length === 100
      })
      expect(state.answered).toBe(50)
      expect(state.failed.every((message) => message.includes('egress.max_subrequests'))).toBe(true)
    } finally {
      await service.stop()
      space.remove()
    }
  }, 60_000)
})

describe.each(['quickjs-ng', 'bun'])(
  'in a %s worker, a batch that is not due yet is finished first, when it',
  (runtime) => {
    const REPLACES: Record<string, (space: Workspace, service: Service) => Promise<void>> = {
      'has grown': async (_, service) => {
        await ask(service, 'hello')
        await ask(service, 'grow')
      },
      'gets a new version': (space) => deploy(space, runtime),
    }
    for (const [name, replace] of Object.entries(REPLACES)) {
      test(name, async () => {
        const { space, service } = await start(runtime)
        try {
          await ask(service, 'hello')
          const before = (await service.workers())[0]?.pid
          const { id } = await ask(service, 'batch')
          await replace(space, service)
          await until(async () => (await service.workers()).every(({ pid }) => pid !== before))
          const rows = await logOf(space, service)
          expect(rows).toContainEqual({ id, level: 'info', message: 'flushed' })
        } finally {
          space.remove()
        }
      }, 60_000)
    }
  },
)

describe('endless work', () => {
  test('of an ended request fails no other one', async () => {
    const { space, service } = await start('quickjs-ng')
    try {
      await ask(service, 'spin')
      for (let i = 0; i < 5; i++) expect((await ask(service, 'hello')).value).toBe('hello')
      const rows = await logOf(space, service)
      const line = rows.find(({ message }) => message.includes('background work was interrupted'))
      expect(line?.level).toBe('warn')
      expect(line?.message).toContain('some.ts:')
    } finally {
      space.remove()
    }
  }, 60_000)

  test('that uses up the memory ends, and its worker is replaced', async () => {
    const { space, service } = await start('quickjs-ng')
    try {
      await ask(service, 'hello')
      const before = (await service.workers())[0]?.pid
      const { id } = await ask(service, 'hog')
      // Without a request: one that waits would interrupt it.
      await until(async () => (await service.workers()).every(({ pid }) => pid !== before))
      expect((await ask(service, 'hello')).value).toBe('hello')
      const rows = await logOf(space, service)
      const line = rows.find(({ message }) => message.includes('exceeded its memory limit'))
      expect(line?.id).toBe(id)
    } finally {
      space.remove()
    }
  }, 60_000)

  test('of node:timers is named by the place in the function', async () => {
    const { space, service } = await start('quickjs-ng')
    try {
      const { id } = await ask(service, 'delayed')
      const rows = await logOf(space, service)
      const line = rows.find(({ message }) => message.startsWith('Ended with this worker'))
      expect(line?.id).toBe(id)
      expect(line?.message).toMatch(
        /^Ended with this worker, because the service stops: 1 timer\n {2}timer set\n {4}at \S+ \(\S*some\.ts:\d+:\d+\)$/,
      )
    } finally {
      space.remove()
    }
  }, 60_000)

  test('is named in the log when its worker ends', async () => {
    const { space, service } = await start('quickjs-ng', '--pool-idle-timeout', '300ms')
    try {
      await ask(service, 'interval')
      await until(async () => (await service.workers()).length === 0)
      const rows = await logOf(space, service)
      const line = rows.find(({ message }) =>
        message.startsWith('Ended with this worker, because it was idle: 1 timer'),
      )
      expect(line?.message).toContain('some.ts:')
    } finally {
      space.remove()
    }
  }, 60_000)
})
