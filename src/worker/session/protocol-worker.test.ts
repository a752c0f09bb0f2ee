/** A hostile worker's messages, in every order, corrupted and cut anywhere: each is accepted or is a breach. */
import { expect, test } from 'bun:test'
import { EgressError } from '../../egress/errors.ts'
import { FunctionError } from '../../errors.ts'
import { anySpec } from '../../testing/fake-worker.ts'
import { seeded } from '../../testing/prng.ts'
import { type Accepted, validateAccepted } from '../protocol/announcements.ts'
import type { Completion, ResponseSink, WorkerEvents } from '../worker.ts'
import { CpuBudget } from './cpu-budget.ts'
import { ProtocolWorker } from './protocol-worker.ts'
import type { WorkerContext } from './worker-context.ts'

const IDS = [0, 1, 2, 3, -1, 1e99, '"f1"', '"f2"', '"1"', 'null', '[]']
const FIELDS: Record<string, string> = {
  accepted: '"worker":1',
  ready: '"protocol":2,"engine":"quickjs-ng/0.17.0","init_us":1',
  response: '"id":ID,"status":200,"headers":[["a","b"]],"end":END',
  chunk: '"id":ID',
  end: '"id":ID',
  credit: '"id":ID,"bytes":SIZE',
  cancel: '"id":ID,"reason":"body"',
  error: '"id":ID,"code":"HANDLER_ERROR","message":"no"',
  done: '"id":ID,"cpu_us":1,"heap_bytes":2',
  fetch:
    '"id":"fID","invocation":ID,"method":"GET","url":"http://a/","headers":[],"redirect":"follow","end":END',
  background: '"cpu_us":SIZE,"ended":END',
  log: '"id":ID,"level":"info","message":"x"',
  pong: '"n":ID',
  constructor: '"id":ID',
}
const TYPES = Object.keys(FIELDS)

/** A worker without a process: only its channel is played by the test. */
class TestWorker extends ProtocolWorker<Accepted> {
  readonly runtime = 'quickjs-ng'
  readonly pid = undefined
  readonly layers = []
  protected override readonly readsBehindStart = true
  protected readonly cpu = new CpuBudget(1000, 500, () => {})
  readonly #heard: string[]

  constructor(heard: string[], events: WorkerEvents, context: WorkerContext) {
    super(1, { ...anySpec(), loadBundle: () => new Uint8Array() }, events, context)
    this.#heard = heard
    this.sendStart(1)
  }

  override validateAnnouncement(value: unknown): Accepted {
    return validateAccepted(value)
  }

  override announced(): void {
    this.#heard.push('announced')
    this.beginLoading()
  }

  protected override terminate(): void {}
}

function setUp() {
  const heard: string[] = []
  const broken: string[] = []
  const logged: string[] = []
  const events: WorkerEvents = {
    ready: () => {
      heard.push('ready')
      begin(worker, heard)
    },
    exit: (error) => {
      const breach = error?.code === 'WORKER_PROTOCOL' || error?.code === 'INTERNAL'
      if (breach) broken.push(`${error.code}: ${error.message}`)
      else heard.push(`exit ${error?.code}`)
    },
    log: () => {},
    silent: () => {},
    retire: () => heard.push('retire'),
  }
  // Every fetch is refused, as if its quota were used up: real upstreams are tested elsewhere.
  const session = { ask: () => new EgressError('REFUSED', 'ERR_POLICY', 'no'), close: () => {} }
  const context = {
    ticker: { add() {} },
    egress: { session: () => session },
    log: (_: string, message: string) => logged.push(message),
    processStartMs: 60_000,
    loadMs: 60_000,
    loadCpuMs: 60_000,
    backgroundMs: 60_000,
    backgroundCpuPercent: 10,
  } as unknown as WorkerContext
  const worker = new TestWorker(heard, events, context)
  begin(worker, heard)
  return { worker, heard, broken, logged }
}

function begin(worker: TestWorker, heard: string[]): void {
  const sink: ResponseSink & Completion = {
    response: () => heard.push('response'),
    chunk: (bytes) => heard.push(`chunk ${bytes.length}`),
    end: () => heard.push('end'),
    drain: () => {},
    bodyUnwanted: () => {},
    fail: () => heard.push('fail'),
    done: ({ cpuUs }) => heard.push(cpuUs > 0 ? 'done' : 'abandoned'),
  }
  const request = {
    method: 'GET',
    url: 'http://h.test/',
    headers: [],
    deadline: performance.now() + 60_000,
    cpuMs: 100,
    body: undefined,
    end: true,
  }
  worker.invoke(request, sink, sink)
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

/** A whole answer, as an honest worker gives it. */
const ANSWER = [
  '{"type":"response","id":1,"status":200,"headers":[],"end":false}\n',
  '{"type":"chunk","id":1,"bytes":3}\nx\ny',
  '{"type":"end","id":1}\n',
  '{"type":"done","id":1,"cpu_us":1,"heap_bytes":2}\n',
]

/** Most of the time announced, ready and a part of an answer, then anything. */
function talk(random: (below: number) => number): Buffer {
  const parts = random(8) > 0 ? ['accepted', 'ready'].map((type) => message(() => 1, type)) : []
  parts.push(...ANSWER.slice(0, random(ANSWER.length + 1)))
  for (let i = random(12); i >= 0; i--) {
    parts.push(message(random, TYPES[random(TYPES.length)] as string))
  }
  return Buffer.from(parts.join(''), 'latin1')
}

async function outcome(pieces: Buffer[]) {
  const { worker, heard, broken } = setUp()
  for (const piece of pieces) worker.receive(piece)
  // The rest of a slice that took too long is read in a later turn.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
  const result = { heard: heard.join(), broken: [...broken] }
  worker.kill(new FunctionError('SHUTTING_DOWN', 'the test ends'))
  return result
}

test('a breach is logged with the function and its version', () => {
  const { worker, logged } = setUp()
  worker.receive(Buffer.from('no JSON\n'))
  expect(logged).toHaveLength(1)
  expect(logged[0]).toStartWith("function 'any', version 'v1', worker 1: The worker was killed")
})

test('is accepted or a breach, and the same wherever it is cut', async () => {
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
