/** What an attacker's worker may say: in every order, corrupted and cut anywhere, it is taken or it is a breach. */
import { expect, test } from 'bun:test'
import { EgressError } from '../../egress/errors.ts'
import { FunctionError } from '../../errors.ts'
import { seeded } from '../../testing/prng.ts'
import { type Accepted, checkAccepted } from '../protocol/announcements.ts'
import { Channel } from '../protocol/channel.ts'
import type { Completion, ResponseSink } from '../worker.ts'
import { Fetches } from './fetch-table.ts'
import { InFlight } from './invocation-table.ts'
import { LogRelay } from './log-relay.ts'
import { Inbox, type InboxOwner } from './message-handler.ts'
import { Vigil } from './watchdog.ts'

const IDS = [0, 1, 2, 3, -1, 1e99, '"f1"', '"f2"', '"1"', 'null', '[]']
const FIELDS: Record<string, string> = {
  accepted: '"worker":1',
  ready: '"protocol":1,"engine":"quickjs-ng/0.17.0","init_us":1',
  response: '"id":ID,"status":200,"headers":[["a","b"]],"end":END',
  chunk: '"id":ID',
  end: '"id":ID',
  credit: '"id":ID,"bytes":SIZE',
  cancel: '"id":ID,"reason":"body"',
  error: '"id":ID,"code":"HANDLER_ERROR","message":"no"',
  done: '"id":ID,"cpu_us":1,"heap_bytes":2',
  fetch:
    '"id":"fID","invocation":ID,"method":"GET","url":"http://a/","headers":[],"redirect":"follow","end":END',
  log: '"id":ID,"level":"info","message":"x"',
  pong: '"n":ID',
  constructor: '"id":ID',
}
const TYPES = Object.keys(FIELDS)

function setUp() {
  const heard: string[] = []
  const broken: string[] = []
  const channel = new Channel()
  const events = { silent: () => {}, log: () => {} } as never
  // Every fetch is refused, as by a worker's own budget: what an upstream does is tested elsewhere.
  const session = { ask: () => new EgressError('REFUSED', 'no'), close: () => {} }
  const fetches = new Fetches(channel, {} as never, { session: () => session } as never)
  const flying: InFlight = new InFlight(
    { channel, fetches, watch: (due) => flying.watch(due), overdue: () => {} },
    (message) => new FunctionError(message.code, message.message),
  )
  const owner = {
    stage: 'loading',
    ...{ flying, fetches, vigil: new Vigil(channel, flying, events) },
    logs: new LogRelay(events, {} as never),
    checkAnnouncement: checkAccepted,
    announced: () => heard.push('announced'),
    loaded: () => {
      owner.stage = 'serving'
      heard.push('loaded')
    },
    loadFailed: () => heard.push('failed'),
    invocationDone: () => heard.push('invocationDone'),
    retire: () => heard.push('retire'),
    broke(error: FunctionError) {
      broken.push(`${error.code}: ${error.message}`)
      inbox.stop()
    },
  }
  const source = { pause: () => {}, resume: () => {} }
  const inbox = new Inbox<Accepted>(owner as unknown as InboxOwner<Accepted>, source)
  for (let i = 0; i < 2; i++) begin(flying, heard)
  return { inbox, heard, broken }
}

function begin(flying: InFlight, heard: string[]): void {
  const sink = {
    ...{ drain: () => {}, bodyUnwanted: () => {}, fail: () => heard.push('fail') },
    response: () => heard.push('response'),
    chunk: (bytes: Uint8Array) => heard.push(`chunk ${bytes.length}`),
    ...{ end: () => heard.push('end'), done: () => heard.push('done') },
  } as unknown as ResponseSink & Completion
  const request = {
    ...{ method: 'GET', url: 'http://h.test/', headers: [], body: undefined, end: true },
    ...{ deadline: performance.now() + 60_000, cpuMs: 100 },
  }
  flying.begin(request, sink, sink).begin(request)
}

function message(random: (below: number) => number, type: string): string {
  const size = [0, 1, 3, 70_000][random(4)] as number
  const id = String(random(3) > 0 ? 1 + random(2) : IDS[random(IDS.length)])
  const fields = (FIELDS[type] as string)
    .replace(/ID/g, id)
    .replace('END', String(random(2) === 0))
    .replace('SIZE', String(size))
  const pays = type === 'chunk' || (type === 'response' && random(2) === 0)
  const line = `{"type":"${type}",${fields}${pays ? `,"bytes":${size}` : ''}}`
  const at = random(line.length)
  const wrong = random(12) === 0 ? line.slice(0, at) + line.slice(at + 1 + random(3)) : line
  return `${wrong}\n${pays ? 'x'.repeat(size) : ''}`
}

/** A whole answer, which a worker of no ill will gives. */
const ANSWER = [
  '{"type":"response","id":1,"status":200,"headers":[],"end":false}\n',
  '{"type":"chunk","id":1,"bytes":3}\nx\ny',
  '{"type":"end","id":1}\n',
  '{"type":"done","id":1,"cpu_us":1,"heap_bytes":2}\n',
]

/** Announced, ready and so far into an answer most of the time, then anything. */
function talk(random: (below: number) => number): Buffer {
  const parts = random(8) > 0 ? ['accepted', 'ready'].map((type) => message(() => 1, type)) : []
  parts.push(...ANSWER.slice(0, random(ANSWER.length + 1)))
  for (let i = random(12); i >= 0; i--) {
    parts.push(message(random, TYPES[random(TYPES.length)] as string))
  }
  return Buffer.from(parts.join(''), 'latin1')
}

async function outcome(pieces: Buffer[]) {
  const { inbox, heard, broken } = setUp()
  for (const piece of pieces) inbox.receive(piece)
  // A slice that took too long is read on in a later turn.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
  inbox.stop()
  return { heard: heard.join(), broken }
}

test('is taken or a breach, and the same wherever it is cut', async () => {
  let breaches = 0
  let answers = 0
  const first = Date.now() % 1_000_000
  for (let seed = first; seed < first + 1500; seed++) {
    const random = seeded(seed)
    const bytes = talk(random)
    const cut = random(bytes.length)
    const whole = await outcome([bytes])
    const pieces = await outcome([bytes.subarray(0, cut), bytes.subarray(cut)])
    const other = whole.broken.some((what) => !what.startsWith('WORKER_PROTOCOL: '))
    if (other || whole.broken.length > 1 || !Bun.deepEquals(whole, pieces)) {
      throw new Error(
        `seed ${seed}: ${JSON.stringify([whole, pieces])} of ${bytes.subarray(0, 2000)}`,
      )
    }
    breaches += whole.broken.length
    if (whole.heard.includes('done')) answers++
  }
  expect(breaches).toBeGreaterThan(300)
  expect(answers).toBeGreaterThan(20)
})
