/** node:timers, stream/*, os and perf_hooks in the real worker. One bundle has all the cases. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import os from 'node:os'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'
import type { TestWorker } from './test-worker.ts'

setDefaultTimeout(120_000)

let zygote: TestZygote
let worker: TestWorker

const CASES: Record<string, string> = {
  promises: `
    const controller = new AbortController()
    const aborted = later.setTimeout(60_000, 'never', { signal: controller.signal }).catch((e) => [e.name, e.code, e.cause])
    controller.abort('why')
    const gone = await later.setImmediate('never', { signal: AbortSignal.abort() }).catch((e) => e.code)
    await later.scheduler.wait(1); await later.scheduler.yield()
    return [await later.setTimeout(1, 'value'), await later.setImmediate('now'), await aborted, gone,
      await promisify(setTimeout)(1, 'global'), await promisify(timers.setTimeout)(1, 'module'), timers.promises === later.default]`,
  interval: `
    const seen = []
    for await (const value of later.setInterval(1, 'tick')) { seen.push(value); if (seen.length === 3) break }
    const controller = new AbortController()
    let ended
    try { for await (const _ of later.setInterval(1, 0, { signal: controller.signal })) controller.abort() } catch (e) { ended = e.name }
    let never
    try { for await (const _ of later.setInterval(1, 0, { signal: AbortSignal.abort() })) never = 'ran' } catch (e) { never = e.code }
    return [seen, ended, never]`,
  wrong: `
    const codes = []
    for (const start of [() => later.setTimeout('1'), () => later.setTimeout(1, 0, 'options'), () => later.setTimeout(1, 0, { signal: 1 }),
      () => later.setImmediate(0, { ref: 1 }), () => later.setInterval(1n).next()]) await start().catch((e) => codes.push(e.code))
    for (const start of [() => timers.setTimeout('code'), () => timers.setInterval(null), () => timers.setImmediate()])
      try { start() } catch (e) { codes.push(e.code) }
    let reads = 0
    await later.setTimeout(1, 0, { get signal() { reads++; return reads === 1 ? undefined : 'other' } })
    return [codes, reads]`,
  timers: `
    const seen = []
    const timer = timers.setTimeout(function (a, b) { seen.push(a + b, this === timer) }, 1, 1, 2)
    const cleared = timers.setTimeout(() => seen.push('cleared'), 1)
    timers.clearTimeout(cleared)
    const byNumber = timers.setTimeout(() => seen.push('by number'), 1)
    clearTimeout(+byNumber)
    timers.clearTimeout(setTimeout(() => seen.push('of the global'), 1)); timers.clearTimeout(+setTimeout(() => seen.push('by its number'), 1)); timers.clearTimeout(Symbol('none'))
    let ticks = 0
    await new Promise((resolve) => { const interval = timers.setInterval(() => { if (++ticks === 3) { interval.close(); resolve() } }, 1) })
    timers.clearImmediate(timers.setImmediate(() => seen.push('immediate')))
    const fired = await new Promise((resolve) => { let n = 0; const again = timers.setTimeout(() => { if (++n === 2) resolve(n); else again.refresh() }, 1) })
    await later.setTimeout(20)
    return [seen, ticks, fired, timer.ref().hasRef(), timer.unref().hasRef(), timer._destroyed, typeof +timer, timers.setTimeout(() => {}, 2 ** 40)._idleTimeout]`,
  streams: `
    const parts = []
    await pipeline(Readable.from(['a', 'b']), async function* (from) { for await (const each of from) yield String(each).toUpperCase() },
      async (from) => { for await (const each of from) parts.push(String(each)) })
    const controller = new AbortController()
    const endless = new Readable({ read() {} })
    const aborted = pipeline(endless, new PassThrough(), { signal: controller.signal }).catch((e) => e.name)
    controller.abort()
    const left = Readable.from(['x']); left.resume()
    await finished(left)
    const failed = await finished(new Readable({ read() { this.destroy(new RangeError('mine')) } }).resume()).catch((e) => e.message)
    return [parts, await aborted, failed, endless.destroyed, web.ReadableStream === ReadableStream, web.default.CompressionStream === CompressionStream,
      promises.pipeline === pipeline, await consumers.text(Readable.from(['t', 'ext'])), await consumers.json(new Response('{"a":1}').body),
      (await consumers.buffer(Readable.from([Buffer.from('b')]))).toString(), (await consumers.blob(Readable.from(['blob']))).size]`,
  os: `
    return { eol: os.EOL, platform: os.platform(), type: os.type(), cpus: os.cpus().length, hostname: os.hostname(), total: os.totalmem(),
      nets: os.networkInterfaces(), load: os.loadavg(), user: os.userInfo().username, text: \`\${os.tmpdir}\`, release: os.release(),
      endianness: os.endianness(), uptime: os.uptime() >= 0, named: constants.signals.SIGTERM, errno: constants.errno, signals: constants.signals,
      frozen: Object.isFrozen(constants.errno), priority: os.getPriority(), home: os.homedir(), devNull: os.devNull, parallel: os.availableParallelism(),
      codes: [() => os.setPriority(1), () => os.getPriority('x'), () => os.getPriority(7)].map((work) => { try { return work() } catch (e) { return e.code } }) }`,
  perf: `
    const lists = []
    const observer = new PerformanceObserver((list, self) => lists.push([list.getEntries().map(({ name }) => name), list.getEntriesByType('mark').length, list.getEntriesByName('m').length, self === observer]))
    observer.observe({ entryTypes: ['mark', 'measure', 'gc'] })
    const ignored = new PerformanceObserver(() => lists.push('never')); ignored.observe({ type: 'function' })
    performance.mark('m'); performance.mark('n'); performance.measure('span', 'm', 'n')
    await later.setTimeout(20)
    observer.disconnect(); performance.mark('after')
    await later.setTimeout(5)
    const buffered = await new Promise((resolve) => new PerformanceObserver((list) => resolve(list.getEntriesByName('after').length)).observe({ type: 'mark', buffered: true }))
    const codes = [() => new PerformanceObserver(), () => observer.observe(), () => observer.observe({}), () => hooks.monitorEventLoopDelay()]
      .map((work) => { try { return work() } catch (e) { return e.code } })
    return [lists, hooks.performance === performance, PerformanceObserver.supportedEntryTypes, buffered, codes, hooks.constants.NODE_PERFORMANCE_GC_MAJOR,
      hooks.performance.now() > 0, hooks.PerformanceEntry === PerformanceEntry]`,
}

beforeAll(async () => {
  zygote = await startZygote()
  const cases = Object.entries(CASES).map(([name, body]) => `${name}: async () => { ${body} }`)
  const source = `import timers from 'node:timers'
    import * as later from 'timers/promises'
    import { promisify } from 'node:util'
    import { PassThrough, Readable, promises } from 'node:stream'
    import { finished, pipeline } from 'stream/promises'
    import * as consumers from 'node:stream/consumers'
    import * as web from 'node:stream/web'
    import os, { constants } from 'os'
    import hooks, { PerformanceObserver } from 'node:perf_hooks'
    const cases = { ${cases.join(',\n')} }
    export default async (request) => Response.json((await cases[new URL(request.url).pathname.slice(1)]()) ?? null)`
  worker = await zygote.worker({ bundle: await bundleOf(source) })
})

afterAll(() => zygote.close())

const answer = (name: string) => worker.json(`/${name}`, { deadlineMs: 100_000 })

describe('timers', () => {
  test('promises, with values and signals', async () => {
    const aborted = ['AbortError', 'ABORT_ERR', 'why']
    expect(await answer('promises')).toEqual([
      ...['value', 'now', aborted, 'ABORT_ERR', 'global', 'module', true],
    ])
  })

  test('an interval to iterate', async () => {
    expect(await answer('interval')).toEqual([['tick', 'tick', 'tick'], 'AbortError', 'ABORT_ERR'])
  })

  test('wrong arguments, and options that change', async () => {
    expect(await answer('wrong')).toEqual([Array(8).fill('ERR_INVALID_ARG_TYPE'), 1])
  })

  test('objects as Node has them, which the globals clear too', async () => {
    expect(await answer('timers')).toEqual([[3, true], 3, 2, true, false, true, 'number', 1])
  })
})

test('stream/promises, stream/web, stream/consumers', async () => {
  expect(await answer('streams')).toEqual([
    ...[['A', 'B'], 'AbortError', 'mine', true, true, true, true],
    ...['text', { a: 1 }, 'b', 4],
  ])
})

describe('os', () => {
  test('names nothing of the machine', async () => {
    const result = (await answer('os')) as Record<string, unknown>
    expect(result).toMatchObject({
      ...{ eol: '\n', platform: 'linux', type: 'Linux', cpus: 1, hostname: 'localhost', nets: {} },
      ...{ load: [0, 0, 0], user: 'functions', text: '/tmp', release: '', endianness: 'LE' },
      ...{ uptime: true, named: 15, frozen: true, priority: 0, home: '/', parallel: 1 },
      ...{ devNull: '/dev/null', total: 100 * 2 ** 20 },
      codes: ['ERR_METHOD_NOT_IMPLEMENTED', 'ERR_INVALID_ARG_TYPE', 'ERR_METHOD_NOT_IMPLEMENTED'],
    })
    if (os.hostname() !== 'localhost') expect(JSON.stringify(result)).not.toContain(os.hostname())
  })

  test('has the constants of Linux', async () => {
    const { errno, signals } = (await answer('os')) as {
      errno: Record<string, number>
      signals: Record<string, number>
    }
    expect(errno).toEqual({ ...os.constants.errno })
    expect(signals).toEqual({ ...os.constants.signals })
  })
})

test('perf_hooks: marks and measures are observed', async () => {
  expect(await answer('perf')).toEqual([
    [[['m', 'n', 'span'], 2, 1, true]],
    true,
    ['function', 'mark', 'measure'],
    1,
    [
      ...['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE', 'ERR_MISSING_ARGS'],
      'ERR_METHOD_NOT_IMPLEMENTED',
    ],
    4,
    true,
    true,
  ])
})
