import { beforeEach, describe, expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { LocalLedger } from '../limits/ledger.ts'
import type { Limits } from '../limits/names.ts'
import type { PoolLimits } from '../pool/limits.ts'
import type { PendingRequest } from '../pool/pending-request.ts'
import { WorkerBudget } from '../pool/worker-budget.ts'
import { MetricsRegistry } from '../telemetry/counters.ts'
import { UsageRegistry } from '../telemetry/usage.ts'
import { anySpec, FakeWorkerFactory, TestClock } from '../testing/fake-worker.ts'
import type { Route } from './route.ts'
import { type ActiveDeployment, type ActiveVersion, Router } from './router.ts'

const LIMITS: PoolLimits = {
  minWorkers: 0,
  maxWorkers: 10,
  concurrency: 32,
  queue: 10,
  queueTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  recycleAfter: 100_000,
  maxBackoffMs: 30_000,
  drainMs: 1_000,
}

let launcher: FakeWorkerFactory
let functions: Map<string, ActiveDeployment | 'undeployed'>
let asked: string[]
let previews: Map<string, ActiveVersion>
let router: Router

function version(name: string, versionName: string): ActiveVersion {
  const spec = { ...anySpec(name), version: versionName }
  const settings = {
    timeoutMs: 5_000,
    maxWorkers: 2,
    concurrency: 4,
    retry: true,
    exposeErrors: false,
  }
  return { spec, settings: () => settings }
}

let counters: MetricsRegistry
let usage: UsageRegistry
/** What is set for every function. */
let functionLimits: Limits
/** Of the counters, ms. */
let now: number

beforeEach(() => {
  now = 0
  counters = new MetricsRegistry(() => now)
  launcher = new FakeWorkerFactory()
  functions = new Map()
  functionLimits = {}
  usage = new UsageRegistry()
  asked = []
  previews = new Map()
  router = new Router({
    source: {
      active(name) {
        asked.push(name)
        return functions.get(name)
      },
      preview: (name, version) => previews.get(`${name}@${version}`),
      rules: () => ({ access: 'public', previews: false, limits: functionLimits }),
      tenant: (project) => ({ project, suspended: false, limits: {} }),
    },
    launcher,
    budget: new WorkerBudget(100, new TestClock()),
    counters,
    usage,
    ledger: new LocalLedger({ now: () => 0, date: () => 0 }),
    installation: () => ({}),
    onQuotas: () => {},
    poolLimits: LIMITS,
    startTimeoutMs: 200,
    log: () => {},
    retried: () => {},
  })
})

/** A request that notes how it ended. */
function submit(name: string): { ended: string | undefined } {
  return submitTo(router.route(name))
}

function submitTo({ pool }: Route): { ended: string | undefined } {
  const note: { ended: string | undefined } = { ended: undefined }
  const job: PendingRequest = {
    request: {
      method: 'GET',
      url: 'http://x/',
      headers: [],
      deadline: 5_000,
      cpuMs: 100,
      body: undefined,
      end: true,
    },
    requestId: 'r',
    arrivedAt: 0,
    retryObstacle: () => 'a reason',
    requeued() {},
    dispatched() {},
    began() {},
    response() {},
    chunk() {},
    end() {},
    drain() {},
    bodyUnwanted() {},
    fail(error) {
      note.ended = error.code
    },
    done() {
      note.ended ??= 'done'
    },
  }
  pool.submit(job)
  return note
}

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act()
  } catch (error) {
    return (error as FunctionError).code
  }
  return undefined
}

describe('a split', () => {
  const splitOf = (weights: Record<string, number>, stickyHeader?: string) => ({
    versions: Object.entries(weights).map(([name, weight]) => {
      return { version: version('f', name), weight }
    }),
    stickyHeader,
  })
  const shares = () => {
    const { split } = router.route('f')
    return split?.routes.map(({ version }, at) => [version, split.weights[at]])
  }
  const stateOf = (name: string) =>
    launcher.started.find(({ spec }) => spec.version === name)?.state

  /** Starts the versions one after the other. */
  async function prepare(split: ReturnType<typeof splitOf>) {
    const preparing = router.prepareSplit(split)
    for (const { version: next } of split.versions) {
      const worker = launcher.started.find(({ spec }) => spec.version === next.spec.version)
      if (worker?.state === 'starting') worker.becomeReady()
      await Bun.sleep(1)
    }
    return await preparing
  }

  test('has a warm pool for each version, and the heaviest as the route', async () => {
    ;(await prepare(splitOf({ v1: 10, v2: 90 }, 'x-user'))).activate()
    expect([stateOf('v1'), stateOf('v2')]).toEqual(['ready', 'ready'])
    const route = router.route('f')
    expect([route.version, route.split?.stickyHeader]).toEqual(['v2', 'x-user'])
    expect(shares()).toEqual([
      ['v1', 10],
      ['v2', 90],
    ])
    expect([...router.pools()]).toHaveLength(2)
  })

  test('keeps the workers of versions that stay, and ends those that go', async () => {
    ;(await prepare(splitOf({ v1: 90, v2: 10 }))).activate()
    const [one] = router.route('f').split?.routes ?? []
    ;(await prepare(splitOf({ v1: 50, v3: 50 }))).activate()
    expect(router.route('f').split?.routes[0]).toBe(one as Route)
    expect(launcher.started.map(({ spec }) => spec.version)).toEqual(['v1', 'v2', 'v3'])
    expect([stateOf('v1'), stateOf('v2'), stateOf('v3')]).toEqual(['ready', 'gone', 'ready'])
    ;(await prepare(splitOf({ v1: 100 }))).activate()
    expect(router.route('f')).toBe(one as Route)
    expect([router.route('f').split, stateOf('v3')]).toEqual([undefined, 'gone'])
    const preparing = router.prepare(version('f', 'v4'))
    launcher.at(-1).becomeReady()
    ;(await preparing).activate()
    expect([router.route('f').version, shares(), stateOf('v1')]).toEqual(['v4', undefined, 'gone'])
  })

  test('of which one version does not start changes nothing', async () => {
    functions.set('f', version('f', 'v1'))
    const before = router.route('f')
    await expect(prepare(splitOf({ v1: 40, v2: 30 }))).resolves.toBeDefined()
    const preparing = router.prepareSplit(splitOf({ v1: 40, v3: 30, v4: 30 }))
    launcher.at(-1).becomeReady()
    await Bun.sleep(1)
    launcher.at(-1).exit(new FunctionError('BUNDLE_LOAD_ERROR', 'no luck'))
    await expect(preparing).rejects.toThrow('no luck')
    expect(router.route('f')).toBe(before)
    expect([before.split, stateOf('v3')]).toEqual([undefined, 'gone'])
  })

  test('is loaded from the source, and forgotten as a whole', async () => {
    functions.set('f', { ...version('f', 'v1'), split: splitOf({ v1: 50, v2: 50 }) })
    expect(shares()).toEqual([
      ['v1', 50],
      ['v2', 50],
    ])
    const routes = router.route('f').split?.routes
    router.refresh()
    expect(router.route('f').split?.routes).toBe(routes as Route[])
    functions.set('f', { ...version('f', 'v1'), split: splitOf({ v1: 60, v2: 40 }) })
    router.refresh()
    await Bun.sleep(1)
    expect([...router.pools()]).toHaveLength(0)
    expect(shares()).toEqual([
      ['v1', 60],
      ['v2', 40],
    ])
  })
})

describe('a preview', () => {
  const offer = (name: string, ...versions: string[]) => {
    for (const each of versions) previews.set(`${name}@${each}`, version(name, each))
  }
  const serving = () => [...router.pools()].map(({ spec }) => spec.version)

  test('has its own pool of one worker, which is kept for nobody', () => {
    router.configure({ ...LIMITS, minWorkers: 2 })
    functions.set('f', version('f', 'v2'))
    offer('f', 'v1', 'v2')
    const route = router.preview('f', 'v1')
    expect(route).toMatchObject({ version: 'v1', preview: true })
    expect(route.pool.limits).toMatchObject({ minWorkers: 0, maxWorkers: 1 })
    expect(router.preview('f', 'v1')).toBe(route)
    expect(router.preview('f', 'v2')).not.toBe(router.route('f'))
    expect(router.route('f').preview).toBe(false)
  })

  test('of what is not offered is as a function that does not exist', () => {
    for (const name of ['v9', '', '../v1', '__proto__'])
      expect(() => router.preview('f', name)).toThrow(`Function 'f@${name}' does not exist.`)
    expect(serving()).toEqual([])
  })

  test('ends when its function changes', async () => {
    offer('f', 'v1')
    offer('g', 'v1')
    const changes = [
      () => router.functionChanged('f', 'default'),
      () => router.forget('f'),
      () => router.endPreviews('f', 'default'),
      () => router.refresh(),
    ]
    for (const change of changes) {
      const before = router.preview('f', 'v1')
      change()
      await Bun.sleep(1)
      expect(router.preview('f', 'v1')).not.toBe(before)
    }
    previews.clear()
    router.functionChanged('f', 'default')
    expect(codeOf(() => router.preview('f', 'v1'))).toBe('FUNCTION_NOT_FOUND')
  })

  test('gives way to another one when there are too many, unless it is in use', async () => {
    offer('f', 'v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7')
    for (const name of ['v1', 'v2', 'v3', 'v4', 'v5']) router.preview('f', name)
    router.preview('f', 'v1')
    router.preview('f', 'v6')
    await Bun.sleep(1)
    expect(serving().toSorted()).toEqual(['v1', 'v3', 'v4', 'v5', 'v6'])
    for (const name of ['v1', 'v3', 'v4', 'v5', 'v6']) submitTo(router.preview('f', name))
    expect(codeOf(() => router.preview('f', 'v7'))).toBe('OVERLOADED')
    const use = (name: string, project: string) => {
      const offered = version(name, 'v1')
      previews.set(`${name}@v1`, { ...offered, spec: { ...offered.spec, project } })
      submitTo(router.preview(name, 'v1', project))
    }
    for (let at = 0; at < 5; at++) use(`h${at}`, 'default')
    expect(codeOf(() => use('g', 'default'))).toBe('OVERLOADED')
    // One project leaves the others theirs.
    for (let at = 0; at < 90; at++) use(`o${at}`, `p${Math.floor(at / 10)}`)
    expect(codeOf(() => use('last', 'last'))).toBe('OVERLOADED')
  })
})

describe('route', () => {
  test('asks for a function when its first request comes, and once', () => {
    functions.set('f', version('f', 'v1'))
    expect(asked).toEqual([])
    expect(router.route('f').version).toBe('v1')
    expect(router.route('f')).toBe(router.route('f'))
    expect(asked).toEqual(['f'])
    expect(router.route('f').pool.limits).toMatchObject({
      maxWorkers: 2,
      concurrency: 4,
      queue: 10,
    })
  })

  test('tells what is not there from what is not deployed, and asks again', () => {
    functions.set('idle', 'undeployed')
    expect(codeOf(() => router.route('idle'))).toBe('FUNCTION_NOT_DEPLOYED')
    expect(codeOf(() => router.route('nothing'))).toBe('FUNCTION_NOT_FOUND')
    functions.set('nothing', version('nothing', 'v1'))
    expect(router.route('nothing').version).toBe('v1')
  })
})

describe('a switch', () => {
  test('waits for a worker of the new version; the old one finishes what it has', async () => {
    functions.set('f', version('f', 'v1'))
    const before = submit('f')
    launcher.at(0).becomeReady()
    const preparing = router.prepare(version('f', 'v2'))
    const during = submit('f')
    expect(launcher.at(0).inFlight).toBe(2)
    launcher.at(1).becomeReady()
    const prepared = await preparing
    expect(router.route('f').version).toBe('v1')
    prepared.activate()
    expect(router.route('f').version).toBe('v2')
    const after = submit('f')
    expect(launcher.at(1).inFlight).toBe(1)
    expect(launcher.at(0).state).toBe('draining')
    expect([before.ended, during.ended]).toEqual([undefined, undefined])
    for (const invocation of launcher.at(0).taken) launcher.at(0).finish(invocation)
    expect([before.ended, during.ended]).toEqual(['done', 'done'])
    expect(launcher.at(0).state).toBe('gone')
    launcher.at(1).finish(launcher.at(1).last)
    expect(after.ended).toBe('done')
    expect(asked).toEqual(['f'])
  })

  test('to a version that does not load changes nothing', async () => {
    functions.set('f', version('f', 'v1'))
    submit('f')
    launcher.at(0).becomeReady()
    const preparing = router.prepare(version('f', 'v2'))
    launcher.at(1).exit(new FunctionError('BUNDLE_LOAD_ERROR', 'no luck'))
    await expect(preparing).rejects.toThrow('no luck')
    expect(router.route('f').version).toBe('v1')
    expect(launcher.at(0).state).toBe('ready')
    expect([...router.pools()]).toHaveLength(1)
  })

  test('to a version whose worker never gets ready is abandoned', async () => {
    const preparing = router.prepare(version('f', 'v2'))
    await expect(preparing).rejects.toMatchObject({ code: 'WORKER_START_FAILED' })
    expect(launcher.at(0).state).toBe('gone')
    expect([...router.pools()]).toHaveLength(0)
  })

  test('that is discarded ends its workers', async () => {
    const preparing = router.prepare(version('f', 'v2'))
    launcher.at(0).becomeReady()
    ;(await preparing).discard()
    expect(launcher.at(0).state).toBe('gone')
    expect(codeOf(() => router.route('f'))).toBe('FUNCTION_NOT_FOUND')
  })
})

test('a function that is forgotten finishes what it has, and is asked for again', () => {
  functions.set('f', version('f', 'v1'))
  const note = submit('f')
  launcher.at(0).becomeReady()
  functions.delete('f')
  router.forget('f')
  expect(codeOf(() => router.route('f'))).toBe('FUNCTION_NOT_FOUND')
  launcher.at(0).finish(launcher.at(0).last)
  expect(note.ended).toBe('done')
  expect(launcher.at(0).state).toBe('gone')
})

test('close waits for the last worker of every version, kill does not', async () => {
  functions.set('f', version('f', 'v1'))
  functions.set('g', version('g', 'v1'))
  submit('f')
  const note = submit('g')
  for (const worker of launcher.started) worker.becomeReady()
  let closed = false
  const closing = router.close(30_000).then(() => {
    closed = true
  })
  launcher.at(0).finish(launcher.at(0).last)
  await Bun.sleep(1)
  expect(closed).toBe(false)
  router.kill(new FunctionError('SHUTTING_DOWN', 'now'))
  await closing
  expect(note.ended).toBe('SHUTTING_DOWN')
})

test('new settings apply to the next requests, and to what finishes an old version', async () => {
  const settings = {
    timeoutMs: 5_000,
    maxWorkers: 2,
    concurrency: 4,
    retry: true,
    exposeErrors: false,
  }
  functions.set('f', { spec: anySpec('f'), settings: () => settings })
  submit('f')
  const route = router.route('f')
  router.forget('f')
  submit('f')
  const next = router.route('f')
  Object.assign(settings, { timeoutMs: 1_000, maxWorkers: 8, concurrency: 1 })
  router.configure({ ...route.pool.limits, queue: 3, minWorkers: 9 })
  for (const { timeoutMs, pool } of [route, next]) {
    expect(timeoutMs).toBe(1_000)
    expect(pool.limits).toMatchObject({ maxWorkers: 8, concurrency: 1, queue: 3, minWorkers: 8 })
  }
})

describe('the counters of a version', () => {
  const versions = () => {
    now += 20 * 60_000
    counters.sweep()
    return [...counters.all()].map(({ version }) => version)
  }

  test('are kept while it is active or a worker of it runs, and not after that', async () => {
    functions.set('f', version('f', 'v1'))
    submit('f')
    launcher.at(0).becomeReady()
    const preparing = router.prepare(version('f', 'v2'))
    launcher.at(1).becomeReady()
    ;(await preparing).activate()
    expect(versions()).toEqual(['v1', 'v2'])
    launcher.at(0).finish(launcher.at(0).last)
    await Bun.sleep(1)
    expect(versions()).toEqual(['v2'])
    router.forget('f')
    await Bun.sleep(1)
    expect(versions()).toEqual([])
  })

  test('are not kept of versions that were refused or discarded', async () => {
    const refused = router.prepare(version('f', 'v1'))
    launcher.at(0).exit(new FunctionError('BUNDLE_LOAD_ERROR', 'no luck'))
    await expect(refused).rejects.toThrow('no luck')
    const preparing = router.prepare(version('f', 'v2'))
    launcher.at(1).becomeReady()
    ;(await preparing).discard()
    await Bun.sleep(1)
    expect(versions()).toEqual([])
  })
})

describe('the limits of a function', () => {
  test('are those of its next requests, in the same pool', () => {
    functions.set('f', version('f', 'v1'))
    const route = router.route('f')
    expect(route.meter.gate).toBeUndefined()
    functionLimits = { rps: 1, workers: 1, cpu: 5 }
    router.functionChanged('f', 'default')
    expect(router.route('f')).toBe(route)
    expect(route.pool.limits.maxWorkers).toBe(1)
    expect(route.cpuMs).toBe(5)
    expect(route.meter.gate?.admit()).toBeUndefined()
    expect(route.meter.gate?.admit()?.code).toBe('RATE_LIMITED')
    functionLimits = {}
    router.functionChanged('f', 'default')
    expect(route.pool.limits.maxWorkers).toBe(2)
    expect(route.meter.gate).toBeUndefined()
  })

  test('hold for a version that replaces another, which was counted before', () => {
    functions.set('f', version('f', 'v1'))
    functionLimits = { rps: 1 }
    expect(router.route('f').meter.gate?.admit()).toBeUndefined()
    router.forget('f')
    functions.set('f', version('f', 'v2'))
    expect(router.route('f').meter.gate?.admit()?.limit?.name).toBe('rps')
  })

  test('of memory are those of new workers, so that its pool is replaced', () => {
    functions.set('f', version('f', 'v1'))
    const { pool } = router.route('f')
    const { maxMemory } = pool.spec.capabilities
    functionLimits = { memory: maxMemory / 2 }
    router.functionChanged('f', 'default')
    expect(router.route('f').pool).not.toBe(pool)
    expect(router.route('f').pool.spec.capabilities.maxMemory).toBe(maxMemory / 2)
    functionLimits = { memory: 2 * maxMemory }
    router.functionChanged('f', 'default')
    expect(router.route('f').pool.spec.capabilities.maxMemory).toBe(maxMemory)
  })

  test('what it prints is counted in bytes', () => {
    functions.set('f', version('f', 'v1'))
    const route = router.route('f')
    void route.pool.warm()
    launcher.at(0).events.log({ invocation: undefined, level: 'info', message: 'grüße' })
    expect(usage.take(1)).toMatchObject([{ functionName: 'f', logBytes: 7 }])
  })
})
