/**
 * Requests to 50 functions in 10 projects while their versions, variables, secrets and traffic change: none fails, none
 * is served by what was replaced before it was sent, and the usage is what the clients counted.
 *
 * FUNCTIONS_LOAD_SECONDS and FUNCTIONS_LOAD_RATE make it longer and faster; the whole is 60 s of 2,000 requests a second.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type Service, Workspace } from './harness.ts'

const SECONDS = Number(process.env.FUNCTIONS_LOAD_SECONDS ?? 5)
const RATE = Number(process.env.FUNCTIONS_LOAD_RATE ?? 200)
const PROJECTS = 10
const FUNCTIONS = 5
/** Changes a second. */
const CHANGES = 10
/** A version knows its number; the variables and the secret carry those of their changes. */
const codeOf = (version: number) =>
  `export default (request, { env }) => Response.json([${version}, Number(env.PLAIN ?? 0), Number(env.SECRET ?? 0)])`

const space = new Workspace()
let service: Service

/** One function: what of it was acknowledged, and how many requests it has answered. */
class Target {
  readonly path: string
  readonly api: string
  answered = 0
  /** The newest version that was deployed. */
  version = 1
  /** The versions that may serve a request that is sent now. */
  serving: readonly number[] = [1]
  plain = 0
  secret = 0
  busy = false

  constructor(project: string, name: string) {
    this.path = `/projects/${project}/functions/${name}`
    this.api = `/v1${this.path}`
  }
}

async function api(path: string, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(`http://functions${path}`, {
    ...init,
    unix: join(space.dataDir, 'functions.sock'),
  } as RequestInit)
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

const send = (method: string, path: string, body: object) =>
  api(path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

async function deploy(target: Target, version: number): Promise<void> {
  const form = new FormData()
  form.set('settings', JSON.stringify({ version: `v${version}`, runtime: 'quickjs-ng' }))
  form.set('bundle', new Blob([codeOf(version)]), 'bundle.js')
  form.set('map', new Blob(['{"version":3,"sources":[],"mappings":""}']), 'bundle.js.map')
  await api(`${target.api}/versions`, { method: 'POST', body: form })
}

/** Each change first allows what it may bring, and forbids what was before when it is acknowledged. */
const CHANGE: ((target: Target) => Promise<void>)[] = [
  async (target) => {
    const next = target.plain + 1
    await send('PATCH', `${target.api}/env`, { set: { PLAIN: String(next) } })
    target.plain = next
  },
  async (target) => {
    const next = target.secret + 1
    await send('PUT', `${target.api}/secrets/SECRET`, { value: String(next) })
    target.secret = next
  },
  async (target) => {
    const next = target.version + 1
    target.serving = [...target.serving, next]
    await deploy(target, next)
    target.version = next
    target.serving = [next]
  },
  async (target) => {
    if (target.version === 1) return
    const [last, before] = [target.version, target.version - 1]
    const share = 10 + Math.floor(Math.random() * 80)
    const versions = { [`v${before}`]: share, [`v${last}`]: 100 - share }
    target.serving = [...target.serving, before, last]
    await send('PUT', `${target.api}/traffic`, { versions })
    target.serving = [before, last]
  },
]

beforeAll(async () => {
  service = await space.serve()
}, 60_000)

afterAll(async () => {
  await service.stop()
  space.remove()
})

test(
  `${RATE} requests a second for ${SECONDS} s`,
  async () => {
    const targets: Target[] = []
    for (let p = 0; p < PROJECTS; p++) {
      await send('POST', '/v1/projects', { name: `p${p}` })
      for (let f = 0; f < FUNCTIONS; f++) {
        const target = new Target(`p${p}`, `f${f}`)
        await deploy(target, 1)
        targets.push(target)
      }
    }
    const wrong: string[] = []
    const open = new Set<Promise<void>>()
    const request = async (target: Target) => {
      // What was acknowledged before it is sent is the least that it may be served by.
      const { plain, secret } = target
      const [oldest = 0] = target.serving.toSorted((a, b) => a - b)
      const response = await fetch(new URL(target.path, service.url), { keepalive: true })
      const text = await response.text()
      if (response.status !== 200) {
        wrong.push(`${target.path}: ${response.status} ${text}`)
        return
      }
      target.answered++
      const [v = 0, e = 0, s = 0] = JSON.parse(text) as number[]
      if (v < oldest || v > target.version + 1 || e < plain || s < secret)
        wrong.push(`${target.path}: ${text}, not ${[oldest, plain, secret]}`)
    }
    const follow = (work: Promise<void>) => {
      const done = work
        .catch((error) => void wrong.push(String(error)))
        .finally(() => open.delete(done))
      open.add(done)
    }
    let sent = 0
    let changed = 0
    const begun = performance.now()
    for (;;) {
      const seconds = (performance.now() - begun) / 1000
      if (seconds >= SECONDS) break
      for (; sent < seconds * RATE; sent++)
        follow(request(targets[sent % targets.length] as Target))
      for (; changed < seconds * CHANGES; changed++) {
        const target = targets[Math.floor(Math.random() * targets.length)] as Target
        const change = CHANGE[changed % CHANGE.length]
        if (target.busy || change === undefined) continue
        target.busy = true
        follow(
          change(target).finally(() => {
            target.busy = false
          }),
        )
      }
      await Bun.sleep(2)
    }
    while (open.size > 0) await Promise.all(open)
    expect(wrong.slice(0, 10)).toEqual([])
    const rows = (await api(
      `/v1/usage?group=project&from=${new Date(Date.now() - 7_200_000).toISOString()}`,
    )) as {
      invocations: number
    }[]
    const counted = rows.reduce((sum, { invocations }) => sum + invocations, 0)
    expect(counted).toBe(targets.reduce((sum, { answered }) => sum + answered, 0))
    expect(counted).toBe(sent)
  },
  (SECONDS + 60) * 1000,
)
