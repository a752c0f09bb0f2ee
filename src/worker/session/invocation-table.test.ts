/** One worker's invocations, on a channel without a socket: what is sent shows as pending bytes. */
import { describe, expect, test } from 'bun:test'
import { FunctionError } from '../../errors.ts'
import { Channel } from '../protocol/channel.ts'
import { ProtocolBreach, type ResponseMessage } from '../protocol/messages.ts'
import type { Completion, Ended, InvocationRequest, ResponseSink } from '../worker.ts'
import type { RunningInvocation } from './invocation.ts'
import { InvocationTable } from './invocation-table.ts'

const WINDOW = 256 * 1024
const PART = Buffer.alloc(64 * 1024, 'x')
const crash = new FunctionError('WORKER_CRASHED', 'gone')

/** Records its calls. */
class Sink implements ResponseSink, Completion {
  readonly heard: string[] = []
  response(head: { status: number }) {
    this.heard.push(`response ${head.status}`)
  }
  chunk(bytes: Uint8Array) {
    this.heard.push(`chunk ${bytes.length}`)
  }
  end() {
    this.heard.push('end')
  }
  drain() {
    this.heard.push('drain')
  }
  bodyUnwanted() {
    this.heard.push('unwanted')
  }
  fail(error: FunctionError) {
    this.heard.push(`fail ${error.code}`)
  }
  done({ loss }: Ended) {
    if (loss === undefined) this.heard.push('done')
    else this.heard.push(loss.unsent ? 'unsent' : `lost ${loss.error.code}`)
  }
}

function setUp() {
  const channel = new Channel()
  let overdue = 0
  const invocations: InvocationTable = new InvocationTable(
    {
      channel,
      fetches: { endOf: () => {}, leave: () => {} },
      watch: (at) => invocations.watch(at),
      overdue: () => {
        overdue++
      },
    },
    (message) => new FunctionError(message.code, message.message),
  )
  const begin = (request: Partial<InvocationRequest> = {}) => {
    const sink = new Sink()
    const whole = {
      method: 'GET',
      url: 'http://h.test/',
      headers: [],
      body: undefined,
      end: true,
      deadline: performance.now() + 1000,
      cpuMs: 100,
      ...request,
    }
    const invocation = invocations.begin(whole, sink, sink)
    invocation.begin(whole)
    return { invocation, sink }
  }
  const sent = () => channel.pendingBytes
  return { channel, invocations, begin, sent, overdue: () => overdue }
}

const response = (id: number, end: boolean): ResponseMessage => ({
  type: 'response',
  id,
  status: 200,
  headers: [],
  end,
})
const chunk = (id: number, bytes: number) => ({ type: 'chunk', id, bytes }) as const
const done = (id: number) => ({ type: 'done', id, cpu_us: 5, heap_bytes: 6 }) as const

describe('credit for a response', () => {
  test('a window of 256 KiB may come, one byte more is a breach', () => {
    const { invocations, begin } = setUp()
    const { sink } = begin()
    invocations.dispatch(response(1, false), undefined)
    for (let i = 0; i < 4; i++) invocations.dispatch(chunk(1, PART.length), PART)
    const one = () => invocations.dispatch(chunk(1, 1), Buffer.alloc(1))
    expect(one).toThrow(ProtocolBreach)
    expect(sink.heard).toEqual(['response 200', ...Array(4).fill('chunk 65536')])
  })

  test('what the head brings counts as well', () => {
    const { invocations, begin } = setUp()
    begin()
    invocations.dispatch({ ...response(1, false), bytes: PART.length }, PART)
    for (let i = 0; i < 3; i++) invocations.dispatch(chunk(1, PART.length), PART)
    expect(() => invocations.dispatch(chunk(1, 1), Buffer.alloc(1))).toThrow(ProtocolBreach)
  })

  test('is given in batches of 32 KiB, or when nothing is left to read', () => {
    const { invocations, begin, sent } = setUp()
    const { invocation } = begin()
    invocations.dispatch(response(1, false), undefined)
    invocations.dispatch(chunk(1, PART.length), PART)
    const before = sent()
    invocation.credit(32 * 1024 - 1)
    expect(sent()).toBe(before)
    invocation.credit(1)
    expect(sent()).toBe(before + '{"type":"credit","id":1,"bytes":32768}\n'.length)
    invocation.credit(1024)
    const middle = sent()
    invocation.credit(31 * 1024)
    expect(sent()).toBeGreaterThan(middle)
  })

  test('lets the sender go on for ever, but not further', () => {
    const { invocations, begin } = setUp()
    const { invocation } = begin()
    invocations.dispatch(response(1, false), undefined)
    for (let i = 0; i < 1000; i++) {
      invocations.dispatch(chunk(1, PART.length), PART)
      invocation.credit(PART.length)
    }
    invocation.credit(10 * WINDOW)
    for (let i = 0; i < 4; i++) invocations.dispatch(chunk(1, PART.length), PART)
    expect(() => invocations.dispatch(chunk(1, 1), Buffer.alloc(1))).toThrow(ProtocolBreach)
  })
})

describe('credit for a request', () => {
  test('no more than the window is sent; the writer is notified when the rest was sent', () => {
    const { invocations, begin, sent } = setUp()
    const { invocation, sink } = begin({ method: 'POST', end: false })
    const before = sent()
    expect(invocation.write(Buffer.alloc(WINDOW))).toBe(true)
    expect(sent() - before).toBeGreaterThan(WINDOW)
    const full = sent()
    expect(invocation.write(Buffer.alloc(1000))).toBe(false)
    expect(sent()).toBe(full)
    invocations.dispatch({ type: 'credit', id: 1, bytes: 999 }, undefined)
    expect(sink.heard).toEqual([])
    invocations.dispatch({ type: 'credit', id: 1, bytes: 1 }, undefined)
    expect(sink.heard).toEqual(['drain'])
    invocation.end()
    invocations.dispatch({ type: 'credit', id: 1, bytes: WINDOW }, undefined)
    expect(() => invocations.dispatch({ type: 'credit', id: 1, bytes: 1 }, undefined)).toThrow(
      ProtocolBreach,
    )
  })

  test('a body that is not wanted is dropped, and more of it is ignored', () => {
    const { invocations, begin, sent } = setUp()
    const { invocation, sink } = begin({ method: 'POST', end: false })
    invocation.write(Buffer.alloc(WINDOW + 1000))
    invocations.dispatch({ type: 'cancel', id: 1, reason: 'body' }, undefined)
    expect(sink.heard).toEqual(['unwanted'])
    const before = sent()
    expect(invocation.write(Buffer.alloc(1000))).toBe(true)
    invocation.end()
    expect(sent()).toBe(before)
  })
})

describe('time', () => {
  test('a deadline that passes is the caller’s to notice: it cancels, and done frees the slot', () => {
    const { invocations, begin, overdue } = setUp()
    const deadline = performance.now() - 1
    const { invocation, sink } = begin({ deadline })
    expect(invocations.stuck(deadline + 10_000)).toBe(false)
    expect(sink.heard).toEqual([])
    expect(overdue()).toBe(0)
    invocation.cancel('deadline passed')
    expect(overdue()).toBe(1)
    invocations.dispatch(response(1, true), undefined)
    invocations.dispatch(done(1), undefined)
    expect(sink.heard).toEqual(['done'])
    expect(invocations.size).toBe(0)
  })

  test('a cancellation before the deadline is not overdue', () => {
    const { begin, overdue } = setUp()
    begin().invocation.cancel('client gone')
    expect(overdue()).toBe(0)
  })

  test('no done 250 ms after cancel: stuck', () => {
    const { invocations, begin } = setUp()
    const { invocation } = begin()
    invocation.cancel('client gone')
    const cancelled = performance.now()
    expect(invocations.stuck(cancelled + 240)).toBe(false)
    expect(invocations.stuck(cancelled + 251)).toBe(true)
  })

  test('neither a body that streams nor waitUntil has a limit here', () => {
    const { invocations, begin } = setUp()
    const streaming = begin()
    const background = begin()
    invocations.dispatch(response(1, false), undefined)
    invocations.dispatch(response(2, true), undefined)
    expect(invocations.stuck(Number.MAX_SAFE_INTEGER)).toBe(false)
    expect(invocations.latestDue()).toBe(Number.POSITIVE_INFINITY)
    expect(streaming.sink.heard).toEqual(['response 200'])
    expect(background.sink.heard).toEqual(['response 200'])
  })
})

describe('the end of a worker', () => {
  test('what was never sent is returned as unsent, without an error', () => {
    const { invocations, begin } = setUp()
    const { sink } = begin()
    invocations.abandonAll(crash)
    expect(sink.heard).toEqual(['unsent'])
    expect(invocations.size).toBe(0)
  })

  test('what was sent before the worker became ready is returned as unsent', () => {
    const { invocations, begin, channel } = setUp()
    const { sink } = begin()
    channel.flush()
    invocations.abandonAll(crash, { unbegun: true })
    expect(sink.heard).toEqual(['unsent'])
  })

  test('a request whose body was being written is not returned as unsent', () => {
    const { invocations, begin } = setUp()
    const { invocation, sink } = begin({ method: 'POST', end: false })
    invocation.write(Buffer.alloc(10))
    invocations.abandonAll(crash)
    expect(sink.heard).toEqual(['lost WORKER_CRASHED'])
  })

  test('what was answered is only done', () => {
    const { invocations, begin } = setUp()
    const { sink } = begin()
    invocations.dispatch(response(1, true), undefined)
    invocations.abandonAll(crash)
    expect(sink.heard).toEqual(['response 200', 'done'])
  })

  test('the guilty one fails with its error, its neighbours are lost with WORKER_CRASHED', () => {
    const { invocations, begin } = setUp()
    const all = [begin(), begin(), begin()]
    for (const id of [1, 2, 3]) invocations.dispatch(response(id, false), undefined)
    const error = new FunctionError('MEMORY_LIMIT', 'too much')
    invocations.abandonAll(error, { guilty: invocations.newest() })
    expect(all.map(({ sink }) => sink.heard[1])).toEqual([
      'lost WORKER_CRASHED',
      'lost WORKER_CRASHED',
      'fail MEMORY_LIMIT',
    ])
  })

  test('one that is only suspected is lost as well, with its own error', () => {
    const { invocations, begin } = setUp()
    const all = [begin(), begin()]
    for (const id of [1, 2]) invocations.dispatch(response(id, false), undefined)
    const error = new FunctionError('MEMORY_LIMIT', 'the kernel had none left')
    invocations.abandonAll(error, { guilty: invocations.newest(), suspected: true })
    expect(all.map(({ sink }) => sink.heard[1])).toEqual([
      'lost WORKER_CRASHED',
      'lost MEMORY_LIMIT',
    ])
  })

  test('guilty of CPU time is the last begun that can have burned its budget', () => {
    const { invocations, begin } = setUp()
    const all: RunningInvocation[] = [begin(), begin(), begin({ cpuMs: 5000 })].map(
      ({ invocation }) => invocation,
    )
    expect(invocations.overCpu(performance.now() + 200)).toBe(all[1])
    expect(invocations.overCpu(performance.now())).toBe(all[0])
  })
})

test('a done that comes too early leaves the invocation to be answered', () => {
  const { invocations, begin } = setUp()
  const { sink } = begin()
  expect(() => invocations.dispatch(done(1), undefined)).toThrow(ProtocolBreach)
  expect(invocations.size).toBe(1)
  invocations.abandonAll(crash)
  expect(sink.heard.at(-1)).toBe('unsent')
})
