/**
 * An attacker at its end of the channel names the invocations and fetches of another tenant's worker.
 * Ids belong to one worker: for the attacker's channel they are ids that were never issued.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { ServerResponse } from 'node:http'
import {
  begin,
  call,
  makeSpec,
  open,
  openFactory,
  type Started,
  until,
} from '../conformance/harness.ts'
import { makeEgress } from '../egress/harness.ts'
import { httpUpstream, type Upstream } from '../egress/upstream.ts'
import { EVIL_WORKER } from './evil.ts'

/** Two fetches at once: the body of one stays open until the other is answered. */
const VICTIM = `export default async (request) => {
  const upstream = new URL(request.url).searchParams.get('upstream')
  console.log('begun')
  const encoder = new TextEncoder()
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode('head '))
      const gate = await fetch(upstream + '/gate')
      controller.enqueue(encoder.encode(await gate.text()))
      controller.close()
    },
  })
  const echo = await fetch(upstream + '/echo', { method: 'POST', body, duplex: 'half' })
  return new Response('echo ' + (await echo.text()))
}`

/** Invocations of the victim before the attack, so that its next ids differ from those of the attacker. */
const EARLIER = 2
/** Fetches of one invocation. */
const FETCHES = 2

const network = { allowNetwork: true }
const egress = makeEgress({ allowPrivate: ['127.0.0.0/8'] })
const fixture = openFactory({
  workerPath: EVIL_WORKER,
  executablePath: () => EVIL_WORKER,
  log: () => {},
  egress,
})
const kinds = [
  ['strict', 'quickjs-ng', {}],
  ['with a network', 'quickjs-ng', network],
  ['bun', 'bun', {}],
] as const

let upstream: Upstream
/** Responses that the victim waits for, and request bodies that are not complete. */
let gates: ServerResponse[] = []
let uploads = 0
let victim: Started

beforeAll(async () => {
  upstream = await httpUpstream((request, response) => {
    if (request.url === '/gate') {
      gates.push(response)
      return
    }
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => {
      if (parts.push(part) === 1) uploads++
    })
    request.on('end', () => response.end(Buffer.concat(parts)))
  })
  const spec = makeSpec('quickjs-ng', VICTIM, { capabilities: network })
  victim = begin(fixture.factory, { ...spec, project: 'alpha', functionId: 'func-alpha.victim' })
  await victim.ready
  for (let i = 0; i < EARLIER; i++) {
    const earlier = await inFlight()
    release(`earlier ${i}`)
    expect((await earlier.done).body.toString()).toBe(`echo head earlier ${i}`)
  }
})

afterAll(async () => {
  await fixture.close()
  egress.close()
  upstream.close()
})

/** The victim's next invocation, with both of its fetches in progress. */
async function inFlight() {
  gates = []
  uploads = 0
  const running = open(victim.worker, {
    url: `http://victim.test/?upstream=http://127.0.0.1:${upstream.port}`,
  })
  await until('both fetches', () => gates.length === 1 && uploads === 1)
  return running
}

function release(text: string): void {
  gates[0]?.end(text)
}

type Kind = (typeof kinds)[number]

/** A worker of another project that sends this text when it has an invocation. */
async function evil([, runtime, capabilities]: Kind, said: string): Promise<Started> {
  const spec = makeSpec(runtime, `say ${said}`, { capabilities })
  const started = begin(fixture.factory, {
    ...spec,
    project: 'beta',
    functionId: 'func-beta.evil',
    functionName: 'evil',
  })
  await started.ready
  return started
}

const line = (message: object, bytes = '') => `${JSON.stringify(message)}\n${bytes}`
const RESPONSE = { type: 'response', status: 200, headers: [], end: true }
const DONE = { type: 'done', cpu_us: 1, heap_bytes: 1 }
const LOG = { type: 'log', level: 'info', message: 'forged' }

/** Messages about an invocation. */
const INVOCATION: [string, (id: number) => string][] = [
  ['response', (id) => line({ ...RESPONSE, id })],
  ['a head', (id) => line({ ...RESPONSE, end: false, id })],
  ['chunk', (id) => line({ type: 'chunk', id, bytes: 6 }, 'forged')],
  ['end', (id) => line({ type: 'end', id })],
  ['error', (id) => line({ type: 'error', id, code: 'HANDLER_ERROR', message: 'forged' })],
  ['done', (id) => line({ ...DONE, id })],
  ['cancel', (id) => line({ type: 'cancel', id, reason: 'forged' })],
  ['credit', (id) => line({ type: 'credit', id, bytes: 1 })],
  ['log', (id) => line({ ...LOG, id })],
  ['fetch', (id) => line(fetchOf(id))],
]
/** Messages about a fetch. */
const FETCH: [string, (id: string) => string][] = [
  ['chunk', (id) => line({ type: 'chunk', id, bytes: 6 }, 'forged')],
  ['end', (id) => line({ type: 'end', id })],
  ['cancel', (id) => line({ type: 'cancel', id, reason: 'forged' })],
  ['credit', (id) => line({ type: 'credit', id, bytes: 1 })],
]

function fetchOf(invocation: number) {
  const url = `http://127.0.0.1:${upstream.port}/gate`
  const rest = { method: 'GET', url, headers: [], redirect: 'follow', end: true }
  return { type: 'fetch', id: 'f1', invocation, ...rest }
}

/** The attacker sends this while the victim's invocation and its fetches run, which then succeed. */
async function expectBreach(
  kind: Kind,
  say: (invocation: number, fetches: string[]) => string,
  why: string,
): Promise<void> {
  const running = await inFlight()
  const invocation = victim.worker.invocations
  const last = invocation * FETCHES
  const attacker = await evil(kind, say(invocation, [`f${last - 1}`, `f${last}`]))
  const answer = await call(attacker.worker)
  expect(answer.error?.code).toBe('WORKER_PROTOCOL')
  const reason = await attacker.exit
  expect(reason?.code).toBe('WORKER_PROTOCOL')
  expect(reason?.message).toContain(why)
  expect(attacker.logs).toEqual([])
  expect(gates).toHaveLength(1)
  release(`rest ${invocation}`)
  const whole = await running.done
  expect(whole.error).toBeUndefined()
  expect(whole.body.toString()).toBe(`echo head rest ${invocation}`)
  expect(victim.worker.state).toBe('ready')
  expect(victim.logs.map(({ message }) => message)).toEqual(Array(invocation).fill('begun'))
}

describe.each([...kinds])('%s', (...kind) => {
  test.each(INVOCATION)('%s for the victim’s invocation is a breach', async (_what, say) => {
    await expectBreach(kind, say, 'an id that was never issued')
  })

  test.each(FETCH)('%s for the victim’s fetches is a breach', async (_what, say) => {
    for (const which of [0, 1]) {
      const ofFetch = (_invocation: number, fetches: string[]) => say(fetches[which] as string)
      await expectBreach(kind, ofFetch, 'a fetch that was never requested')
    }
  })

  test('the same messages about its own ids are no breach', async () => {
    const own = [line({ ...LOG, id: 1 }), line(fetchOf(1))]
    const ofFetch = line({ type: 'cancel', id: 'f1', reason: 'enough' })
    const end = [line({ ...RESPONSE, id: 1 }), line({ ...DONE, id: 1 })]
    const attacker = await evil(kind, [...own, ofFetch, ...end].join(''))
    const answer = await call(attacker.worker)
    expect(answer.error).toBeUndefined()
    expect(answer.status).toBe(200)
    expect(attacker.logs.map(({ message }) => message)).toEqual(['forged'])
    expect(attacker.worker.state).toBe('ready')
    attacker.worker.kill(new Error('enough') as never)
  })
})
