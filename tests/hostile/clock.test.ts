/** How a strict function may measure time: with coarse clocks, and without a counter. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from '../worker/harness.ts'

let zygote: TestZygote
beforeAll(async () => {
  zygote = await startZygote(['--pid-namespace', 'off'])
})
afterAll(() => zygote.close())

const CLOCKS = `export default () => {
  const readings = []
  for (let i = 0; i < 20000; i++) readings.push(performance.now())
  const wall = []
  for (let i = 0; i < 20000; i++) wall.push(Date.now())
  return Response.json({ readings: [...new Set(readings)], wall: [...new Set(wall)] })
}`

/** In microseconds. */
const steps = (readings: number[]) => readings.map((reading) => Math.round(reading * 1000))

test('performance.now goes in steps of 100 µs, Date.now in those of 1 ms', async () => {
  const worker = await zygote.worker({ bundle: CLOCKS })
  const { readings, wall } = (await worker.json()) as { readings: number[]; wall: number[] }
  expect(steps(readings).filter((us) => us % 100 !== 0)).toEqual([])
  expect(wall.filter((ms) => !Number.isInteger(ms))).toEqual([])
})

test('with files it may look closer', async () => {
  const capabilities = { allowFilesystem: true }
  const worker = await zygote.worker({ bundle: CLOCKS, capabilities })
  const { readings } = (await worker.json()) as { readings: number[] }
  expect(steps(readings).some((us) => us % 100 !== 0)).toBe(true)
})

test('nothing waits on shared memory, and no thread counts in it', async () => {
  const bundle = `export default () => {
    const seen = ['Worker', 'SharedWorker'].filter((name) => name in globalThis)
    try {
      seen.push(Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10))
    } catch (error) {
      seen.push(error.name)
    }
    return Response.json(seen)
  }`
  const worker = await zygote.worker({ bundle })
  expect(await worker.json()).toEqual(['TypeError'])
})
