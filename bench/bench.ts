/**
 * Measures the product beside its peers in one run and prints the table of budgets.
 *
 *     bun run bench [--quick] [--out results.json]
 */
import { existsSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { EXECUTABLE } from '../tests/e2e/harness.ts'
import { openConnection, warmUp } from './client.ts'
import { buildEmptyProgram, measureFloor } from './floor.ts'
import { measureLayers } from './layers.ts'
import { EVIL_WORKER, measureNeighbours } from './neighbour.ts'
import {
  installPeers,
  type Peer,
  startBun,
  startDeno,
  startWorkerd,
  startWorkerdLoader,
} from './peers.ts'
import {
  measureColdStart,
  measureControlPlane,
  measureCrowd,
  measureIdleWorker,
  measureLatency,
  type Runtime,
  withService,
} from './product.ts'
import { budgets, printTable, type Results } from './report.ts'
import { median, quantile, timeEach } from './statistics.ts'
import { measureUploads } from './streaming.ts'
import { measureThroughput } from './throughput.ts'

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, out: { type: 'string' } },
})
const size = options.quick
  ? {
      cold: 20,
      coldBun: 3,
      floor: 50,
      latency: 500,
      rounds: 1,
      seconds: 1,
      crowd: 100,
      starts: 1,
      uploadMb: 64,
      layerRounds: 1,
      neighbourRounds: 1,
    }
  : {
      cold: 200,
      coldBun: 20,
      floor: 200,
      latency: 5000,
      rounds: 3,
      seconds: 4,
      crowd: 1000,
      starts: 5,
      uploadMb: 1024,
      layerRounds: 4,
      neighbourRounds: 3,
    }

/** Cold starts of each variant in each round. */
const STARTS_A_ROUND = 50
/** Of a neighbour, in quiet and beside an attack. */
const NEIGHBOUR_REQUESTS = 1000

const p99 = (samples: number[]) => quantile(samples, 0.99)
const step = (what: string) => process.stderr.write(`${what}\n`)

async function withPeer<T>(start: () => Promise<Peer>, act: (peer: Peer) => Promise<T>) {
  const peer = await start()
  try {
    return await act(peer)
  } finally {
    await peer.stop()
  }
}

/** Says in one sentence what is missing, before anything is measured. */
function requireParts(): void {
  const missing = [
    ...(existsSync(EXECUTABLE) ? [] : ['./functions: run scripts/build.sh']),
    ...(existsSync(EVIL_WORKER) ? [] : ['evil-worker: run scripts/build.sh --attackers']),
    ...(Bun.which('wrk') === null ? ['wrk: install it (the Debian package is named wrk)'] : []),
  ]
  if (missing.length > 0) {
    step(`The bench lacks ${missing.join(', and ')}.`)
    process.exit(1)
  }
}

/** The floor before and after, so that a machine that drifts shows. */
async function coldStarts() {
  step('cold start')
  const empty = buildEmptyProgram()
  const floor = await measureFloor(empty, size.floor)
  const quickjs = await measureColdStart('quickjs-ng', size.cold)
  const bun = await measureColdStart('bun', size.coldBun)
  const workerd = await withPeer(startWorkerdLoader, async (peer) => {
    const connection = await openConnection(peer.port)
    await warmUp(connection, '/warm')
    const samples = await timeEach(size.cold, (i) => connection.get(`/cold-${i}`))
    connection.close()
    return samples
  })
  floor.push(...(await measureFloor(empty, size.floor)))
  const summary = (samples: number[]) => ({ p50Ms: median(samples), p99Ms: p99(samples) })
  return {
    floor: summary(floor),
    quickjs: summary(quickjs),
    bun: summary(bun),
    workerd: summary(workerd),
  }
}

async function latencies() {
  step('latency, one warm client')
  const bare = await withPeer(startBun, (peer) => measureLatency(peer.port, '/', size.latency))
  const product = (runtime: Runtime) =>
    withService(runtime, 0, (service) =>
      measureLatency(service.port, '/functions/hello', size.latency),
    )
  const quickjs = await product('quickjs-ng')
  const bun = await product('bun')
  return { bareMs: median(bare), quickjsMs: median(quickjs), bunMs: median(bun) }
}

/** Each contestant in turn, round by round, so that drift hits all alike; medians of the rounds. */
async function throughputs() {
  step('throughput, 32 clients')
  const rates: Record<string, number[]> = {}
  const note = (name: string, rate: number) => {
    rates[name] = [...(rates[name] ?? []), rate]
  }
  for (let round = 0; round < size.rounds; round++) {
    for (const start of [startBun, startDeno, startWorkerd]) {
      await withPeer(start, async (peer) => {
        note(peer.name, await measureThroughput(peer.port, '/', size.seconds))
      })
    }
    for (const runtime of ['quickjs-ng', 'bun'] as const) {
      await withService(runtime, 0, async (service) => {
        await service.fetch('/functions/hello')
        note(runtime, await measureThroughput(service.port, '/functions/hello', size.seconds))
      })
    }
  }
  return Object.fromEntries(Object.entries(rates).map(([name, all]) => [name, median(all)]))
}

async function memories() {
  step('memory')
  const quickjs = await measureIdleWorker('quickjs-ng', 10)
  const bun = await measureIdleWorker('bun', 2)
  const hundred = await measureCrowd(100, p99)
  const crowd = size.crowd === 100 ? hundred : await measureCrowd(size.crowd, p99)
  return { quickjs, bun, hundred, crowd }
}

async function uploads() {
  step('large uploads')
  return await measureUploads(size.uploadMb * 2 ** 20)
}

function layers() {
  step('the sandbox, layer by layer')
  return measureLayers(size.layerRounds, STARTS_A_ROUND)
}

function neighbours() {
  step('neighbours of an attack')
  return measureNeighbours(size.neighbourRounds, NEIGHBOUR_REQUESTS)
}

requireParts()
installPeers()
const results: Results = {
  date: new Date().toISOString(),
  machine: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB`,
  quick: options.quick,
  coldStart: await coldStarts(),
  latency: await latencies(),
  throughput: await throughputs(),
  memory: await memories(),
  controlPlane: await measureControlPlane(1000, size.starts),
  uploads: await uploads(),
  layers: await layers(),
  neighbours: await neighbours(),
}
const out = options.out ?? join(import.meta.dir, '../.build/bench/results.json')
writeFileSync(out, `${JSON.stringify({ ...results, budgets: budgets(results) }, null, 2)}\n`)
printTable(results)
process.stdout.write(`\nwritten to ${out}\n`)
