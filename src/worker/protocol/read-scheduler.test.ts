import { beforeEach, describe, expect, test } from 'bun:test'
import { FrameDecoder } from './frame-decoder.ts'
import { ReadScheduler } from './read-scheduler.ts'

const LINES = 5000

let read: number[]
let calls: string[]
let broken: unknown[]

/** An intake of numbered lines; every read of one is noted in `read`. */
function intake(offset = 0): { intake: ReadScheduler; decoder: FrameDecoder<number> } {
  const decoder = new FrameDecoder<number>({
    check: (value) => {
      if (typeof value !== 'number') throw new Error('no number')
      return value
    },
    payloadBytes: () => -1,
    deliver: (n) => read.push(offset + n),
  })
  const source = { pause: () => calls.push('pause'), resume: () => calls.push('resume') }
  return { decoder, intake: new ReadScheduler(decoder, source, (cause) => broken.push(cause)) }
}

const lines = (from: number, to: number) =>
  Buffer.from(Array.from({ length: to - from }, (_, i) => `${from + i}\n`).join(''))
const numbers = (to: number) => Array.from({ length: to }, (_, i) => i)

async function turns(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !holds(); i++) await Bun.sleep(i < 1000 ? 0 : 1)
  expect(holds()).toBe(true)
}

beforeEach(() => {
  read = []
  calls = []
  broken = []
})

describe('a flood', () => {
  test('is read in order, a slice at a time, and what is received is not kept', async () => {
    const data = lines(0, LINES)
    const { intake: flooded } = intake()
    flooded.receive(data)
    expect(read.length).toBeGreaterThan(0)
    expect(read.length).toBeLessThanOrEqual(128)
    data.fill(0)
    await turns(() => read.length === LINES)
    expect(read).toEqual(numbers(LINES))
    expect(calls).toEqual([])
  })

  test('lets another channel in between, and another flood in its turn', async () => {
    const first = intake()
    const second = intake(1_000_000)
    const third = intake(2_000_000)
    first.intake.receive(lines(0, LINES))
    second.intake.receive(lines(0, LINES))
    third.intake.receive(lines(0, 1))
    expect(read.at(-1)).toBe(2_000_000)
    expect(read.length).toBeLessThanOrEqual(2 * 128 + 1)
    await turns(() => read.length === 2 * LINES + 1)
    const lastOfFirst = read.indexOf(LINES - 1)
    expect(read.slice(0, lastOfFirst).filter((n) => n >= 1_000_000).length).toBeGreaterThan(
      LINES / 2,
    )
  })

  test('that goes on is not received any more until it is read', async () => {
    const { intake: flooded } = intake()
    flooded.receive(lines(0, LINES))
    flooded.receive(lines(LINES, 2 * LINES))
    flooded.receive(lines(2 * LINES, 2 * LINES + 1))
    expect(calls).toEqual(['pause'])
    await turns(() => read.length === 2 * LINES + 1)
    await turns(() => calls.length === 2)
    expect(calls).toEqual(['pause', 'resume'])
    expect(read).toEqual(numbers(2 * LINES + 1))
  })

  test('is read to its end when its channel is closed', () => {
    const { intake: flooded } = intake()
    flooded.receive(lines(0, LINES))
    flooded.finish()
    expect(read).toEqual(numbers(LINES))
  })
})

test('a pause holds back what is left and what comes, and then goes on in order', async () => {
  const { intake: paused } = intake()
  paused.receive(lines(0, 1))
  paused.pauseFor(30)
  paused.receive(lines(1, 100))
  paused.receive(lines(100, 200))
  for (let i = 0; i < 10; i++) await new Promise((next) => setImmediate(next))
  expect(read).toEqual([0])
  expect(calls).toEqual(['pause'])
  await turns(() => read.length === 200 && calls.length === 2)
  expect(read).toEqual(numbers(200))
  expect(calls).toEqual(['pause', 'resume'])
})

describe('nothing more is read', () => {
  test('after a frame that is not valid: the breach is reported once', async () => {
    const { intake: flooded, decoder } = intake()
    flooded.receive(Buffer.concat([lines(0, LINES), Buffer.from('"x"\n'), lines(0, LINES)]))
    await turns(() => broken.length > 0)
    decoder.stop()
    flooded.stop()
    flooded.receive(lines(0, 1))
    flooded.finish()
    expect(broken).toEqual([new Error('no number')])
    expect(read).toEqual(numbers(LINES))
  })

  test('once it is stopped, also of what waits', async () => {
    const { intake: flooded } = intake()
    flooded.receive(lines(0, LINES))
    const before = read.length
    flooded.stop()
    for (let i = 0; i < 10; i++) await new Promise((next) => setImmediate(next))
    expect(read.length).toBe(before)
  })
})
