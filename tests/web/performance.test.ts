/** The clock, and the marks and measures on it. */
import { describe, expect, test } from 'bun:test'
import { inOwnWorker, useTemplate } from './harness.ts'

describe('performance', () => {
  inOwnWorker({
    'is an EventTarget, and an attribute of the scope that can be replaced': () => {
      same(performance instanceof EventTarget, true)
      const property = Object.getOwnPropertyDescriptor(globalThis, 'performance')
      same([typeof property?.get, property?.enumerable], ['function', true])
      throws(() => property?.get?.call({}), 'TypeError')
      same(property?.get?.call(undefined) === performance, true)
      const scope = globalThis as never as { performance: unknown }
      scope.performance = 5
      same(scope.performance, 5)
      throws(() => new Performance(), 'TypeError')
      throws(() => Performance.prototype.now.call({} as never), 'TypeError')
    },
    'refuses another receiver with the usual TypeError': () => {
      const { clearMarks, getEntries, mark, measure, now, toJSON } = performance
      const origin = Object.getOwnPropertyDescriptor(Performance.prototype, 'timeOrigin')?.get
      const calls: (() => unknown)[] = [
        () => now(),
        () => now.call({} as never),
        () => now.call(Performance.prototype),
        () => now.call(new Proxy(performance, {})),
        () => Reflect.apply(now, 5, []),
        () => mark('a'),
        () => measure('a'),
        () => getEntries(),
        () => clearMarks(),
        () => toJSON(),
        () => origin?.call(undefined),
      ]
      for (const call of calls) {
        let message = 'returned'
        try {
          call()
        } catch (error) {
          message = String(error)
        }
        same(message, 'TypeError: Illegal invocation')
      }
      same(typeof now.call(performance), 'number')
    },
    'marks, and what is measured between them': () => {
      const detail = { list: [1] }
      const mark = performance.mark('a', { startTime: 5, detail })
      detail.list.push(2)
      same([mark.name, mark.entryType, mark.startTime, mark.duration], ['a', 'mark', 5, 0])
      same([mark.detail, mark instanceof PerformanceEntry], [{ list: [1] }, true])
      performance.mark('b', { startTime: 7 })
      performance.mark('b', { startTime: 9 })
      const measure = performance.measure('m', 'a', 'b')
      same([measure.startTime, measure.duration, measure.detail], [5, 4, null])
      const of = (options: object) => {
        const { startTime, duration } = performance.measure('m', options)
        return [startTime, duration]
      }
      same(of({ start: 'a', duration: 3 }), [5, 3])
      same(of({ duration: 3, end: 'b' }), [6, 3])
      same(of({ start: 1, end: 2, detail: 'd' }), [1, 1])
      same(of({ end: 4 }), [0, 4])
      const whole = performance.measure('whole')
      same([whole.startTime, whole.duration > 0], [0, true])
      const since = performance.measure('since', 'a')
      same([since.startTime, Number.isFinite(since.duration)], [5, true])
      const before = performance.now()
      const now = performance.mark('now').startTime
      same(before <= now && now <= performance.now(), true)
    },
    'entries in the order of their start, by name and type, until they are cleared': () => {
      performance.mark('late', { startTime: 3 })
      performance.mark('early', { startTime: 1 })
      performance.measure('m', { start: 2, end: 4 })
      performance.mark('also', { startTime: 3 })
      const names = (list: PerformanceEntry[]) => list.map(({ name }) => name)
      same(names(performance.getEntries()), ['early', 'm', 'late', 'also'])
      same(names(performance.getEntriesByType('mark')), ['early', 'late', 'also'])
      same(names(performance.getEntriesByName('m')), ['m'])
      same(names(performance.getEntriesByName('m', 'mark')), [])
      performance.clearMarks('early')
      same(names(performance.getEntries()), ['m', 'late', 'also'])
      performance.clearMarks()
      same(names(performance.getEntries()), ['m'])
      performance.clearMeasures('other')
      performance.clearMeasures()
      same(performance.getEntries(), [])
    },
    'what makes no sense is refused': () => {
      throws(() => performance.mark('a', { startTime: -1 }), 'TypeError')
      throws(() => performance.mark('a', { startTime: Number.NaN }), 'TypeError')
      throws(() => performance.mark('a', { detail: () => 1 }), 'DataCloneError')
      // @ts-expect-error no name
      throws(() => performance.mark(), 'TypeError')
      throws(() => performance.measure('m', 'nowhere'), 'SyntaxError')
      throws(() => performance.measure('m', { duration: 1 }), 'TypeError')
      throws(() => performance.measure('m', { start: 1, duration: 1, end: 2 }), 'TypeError')
      throws(() => performance.measure('m', { start: 1 }, 'a'), 'TypeError')
      throws(() => performance.measure('m', { start: -1 }), 'TypeError')
      throws(() => new PerformanceEntry(), 'TypeError')
      throws(() => new PerformanceMeasure(), 'TypeError')
      same(performance.getEntries(), [])
      same(
        new (PerformanceMark as never as new (name: string, options: object) => PerformanceMark)(
          'a',
          { startTime: 2 },
        ).toJSON(),
        {
          name: 'a',
          entryType: 'mark',
          startTime: 2,
          duration: 0,
          detail: null,
        },
      )
      same(performance.getEntries(), [])
    },
  })
})

const template = useTemplate()

test('each worker has its own time origin', async () => {
  const origins: number[] = []
  for (let i = 0; i < 2; i++) {
    const worker = await template().worker({
      bundle: 'export default () => Response.json(performance.timeOrigin)',
    })
    origins.push((await worker.json()) as number)
    worker.close()
    await Bun.sleep(2)
  }
  expect(origins[1]).toBeGreaterThan(origins[0] as number)
})
