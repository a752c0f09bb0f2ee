/** A worker is charged for what it uses, not for what it says that it used. */
import { afterAll, expect, test } from 'bun:test'
import { begin, makeSpec, open } from '../conformance/harness.ts'
import { stand } from './evil.ts'

const REQUESTS = 3
/** Each of them burns 300 ms of CPU time, and the worker reports 1 µs. */
const BURNED_US = REQUESTS * 300_000

const stands = {
  forked: stand('quickjs-ng', { maxCpu: 10_000 }),
  'by exec': stand('quickjs-ng', { maxCpu: 10_000 }, { start: 'exec' }),
  bun: stand('bun', { maxCpu: 10_000 }),
}
afterAll(() => Promise.all(Object.values(stands).map(({ fixture }) => fixture.close())))

test.each(Object.entries(stands))('%s: the kernel’s figure counts', async (_, at) => {
  let cpuUs = 0
  let byteMs = 0
  const meter = {
    worked(us: number, memory: number) {
      cpuUs += us
      byteMs += memory
    },
    admitEgress: () => undefined,
    egressBytes: () => undefined,
  }
  const { capabilities, runtime, fixture } = at
  const spec = makeSpec(runtime, 'under-report', { capabilities, meter })
  const started = begin(fixture.factory, spec)
  await started.ready
  const begunAt = performance.now()
  let reported = 0
  for (let i = 0; i < REQUESTS; i++) {
    const answer = await open(started.worker, { deadlineMs: 30_000 }).done
    expect(answer.status).toBe(200)
    reported += answer.cpuUs
  }
  const ranMs = performance.now() - begunAt
  expect(reported).toBe(REQUESTS)
  await started.worker.shutdown(1_000, 'the test is over')
  // The end of the process is reported by another one.
  while (cpuUs < BURNED_US) await Bun.sleep(5)
  expect(cpuUs).toBeGreaterThanOrEqual(BURNED_US)
  expect(cpuUs).toBeLessThan(BURNED_US + 3_000_000)
  const { maxMemory } = spec.capabilities
  expect(byteMs).toBeGreaterThan(0.5 * BURNED_US * 1e-3 * maxMemory)
  expect(byteMs).toBeLessThanOrEqual(ranMs * maxMemory)
})
