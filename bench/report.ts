/** The table of the budgets: what was measured, what it is held against. */
import type { LayerCost } from './layers.ts'
import type { NeighbourResults } from './neighbour.ts'
import type { ControlPlane, CrowdMemory, WorkerMemory } from './product.ts'
import type { Upload } from './streaming.ts'

interface Spread {
  p50Ms: number
  p99Ms: number
}

export interface Results {
  date: string
  machine: string
  quick: boolean
  coldStart: { floor: Spread; quickjs: Spread; bun: Spread; workerd: Spread }
  latency: { bareMs: number; quickjsMs: number; bunMs: number }
  /** Requests a second, by contestant. */
  throughput: Record<string, number>
  memory: {
    quickjs: WorkerMemory
    bun: WorkerMemory
    hundred: CrowdMemory
    crowd: CrowdMemory
  }
  controlPlane: ControlPlane
  uploads: { count: Upload; transform: Upload }
  /** By what is left out; `all layers` first. */
  layers: Record<string, LayerCost>
  neighbours: NeighbourResults
}

interface Row {
  what: string
  measured: string
  first: boolean
  later: boolean
}

const ms = (value: number) => `${value.toFixed(2)} ms`
const mb = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MB`
const rate = (value: number) => `${Math.round(value).toLocaleString('en')}/s`
const times = (value: number) => `${value.toFixed(2)}x`

/** Each budget of the design: measured, and whether its first and its later mark are met. */
export function budgets(results: Results): Row[] {
  return [
    ...speedBudgets(results),
    ...memoryBudgets(results),
    ...uploadBudgets(results),
    sandboxBudget(results),
  ]
}

function speedBudgets({ coldStart, latency, throughput }: Results): Row[] {
  const { floor, quickjs, workerd } = coldStart
  const added = latency.quickjsMs - latency.bareMs
  const product = throughput['quickjs-ng'] ?? 0
  const ratio = product / (throughput.workerd ?? Number.NaN)
  return [
    {
      what: 'cold start p50 over the floor',
      measured: `${ms(quickjs.p50Ms)} = ${times(quickjs.p50Ms / floor.p50Ms)} of ${ms(floor.p50Ms)}`,
      first: quickjs.p50Ms <= 6 * floor.p50Ms,
      later: quickjs.p50Ms <= 3 * floor.p50Ms,
    },
    {
      what: 'cold start p99 over the floor',
      measured: `${ms(quickjs.p99Ms)} = ${times(quickjs.p99Ms / floor.p50Ms)}`,
      first: true,
      later: quickjs.p99Ms <= 10 * floor.p50Ms,
    },
    {
      what: "cold start against workerd's dynamic isolate",
      measured: `${ms(quickjs.p50Ms)} to ${ms(workerd.p50Ms)} = 1/${(workerd.p50Ms / quickjs.p50Ms).toFixed(1)}`,
      first: quickjs.p50Ms < workerd.p50Ms,
      later: quickjs.p50Ms <= workerd.p50Ms / 5,
    },
    {
      what: 'latency added to bare Bun.serve, one client',
      measured: `${ms(added)} (${ms(latency.quickjsMs)} to ${ms(latency.bareMs)})`,
      first: added <= 0.25,
      later: added <= 0.12,
    },
    {
      what: 'throughput against workerd, 32 clients',
      measured: `${rate(product)} to ${rate(throughput.workerd ?? 0)} = ${times(ratio)}`,
      first: ratio >= 1.5,
      later: ratio >= 2.5,
    },
  ]
}

function memoryBudgets({ memory, controlPlane }: Results): Row[] {
  const { quickjs, crowd } = memory
  const perThousand = crowd.bytes * (1000 / crowd.workers)
  return [
    {
      what: 'idle worker after one request, private',
      measured: mb(quickjs.privateBytes),
      first: quickjs.privateBytes <= 2 ** 20,
      later: quickjs.privateBytes <= 300e3,
    },
    {
      what: `${crowd.workers} live workers, warm p99`,
      measured: `${mb(crowd.bytes)}, ${ms(crowd.warmP99Ms)}`,
      first: perThousand <= 2 ** 30,
      later: perThousand <= 400 * 2 ** 20 && crowd.warmP99Ms <= 5,
    },
    {
      what: 'control plane with 1,000 functions',
      measured: `ready in ${controlPlane.readyMs.toFixed(0)} ms, ${mb(controlPlane.residentBytes)} resident`,
      first: controlPlane.readyMs <= 300 && controlPlane.residentBytes <= 100 * 2 ** 20,
      later: controlPlane.readyMs <= 100 && controlPlane.residentBytes <= 100 * 2 ** 20,
    },
  ]
}

function uploadBudgets({ uploads }: Results): Row[] {
  return Object.entries(uploads).map(([how, upload]) => {
    const { bytes, seconds, workerGrowthBytes, controlGrowthBytes } = upload
    const met = workerGrowthBytes < 16 * 2 ** 20 && controlGrowthBytes < 32 * 2 ** 20
    const speed = `${Math.round(bytes / 2 ** 20 / seconds)} MB/s`
    return {
      what: `an upload of ${Math.round(bytes / 2 ** 20)} MB (${how}): growth`,
      measured: `worker ${mb(workerGrowthBytes)}, control plane ${mb(controlGrowthBytes)}; ${speed}`,
      first: met,
      later: met,
    }
  })
}

function sandboxBudget({ layers }: Results): Row {
  const all = layers['all layers'] as LayerCost
  const none = layers['without all of these'] as LayerCost
  const addedMs = all.coldP50 - none.coldP50
  const addedBytes = all.bytes - none.bytes
  const met = addedMs <= 0.3 && addedBytes <= 50e3
  return {
    what: 'the sandbox: added to a cold start, and to a worker',
    measured: `${ms(addedMs)}, ${Math.round(addedBytes / 1000)} kB`,
    first: met,
    later: met,
  }
}

/** Prints Markdown: the budgets, then the figures that have none. */
export function printTable(results: Results): void {
  const lines = [
    `${results.date.slice(0, 10)}, ${results.machine}${results.quick ? ' (quick run)' : ''}`,
    '',
    '| budget | measured | first | then |',
    '| --- | --- | --- | --- |',
    ...budgets(results).map(
      (row) => `| ${row.what} | ${row.measured} | ${mark(row.first)} | ${mark(row.later)} |`,
    ),
    '',
    '| other figures | quickjs-ng | bun | peers |',
    '| --- | --- | --- | --- |',
    ...otherFigures(results),
    '',
    '| sandbox | cold start p50 | idle worker |',
    '| --- | --- | --- |',
    ...Object.entries(results.layers).map(
      ([name, cost]) => `| ${name} | ${ms(cost.coldP50)} | ${mb(cost.bytes)} |`,
    ),
    '',
    `| beside | a neighbour's p99, ${ms(results.neighbours.quietP99Ms)} in quiet | ratio |`,
    '| --- | --- | --- |',
    ...results.neighbours.attacks.map(
      ({ name, p99Ms, ratio }) => `| ${name} | ${ms(p99Ms)} | ${times(ratio)} |`,
    ),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

const mark = (met: boolean) => (met ? 'met' : 'missed')

function otherFigures({ coldStart, latency, throughput, memory }: Results): string[] {
  const spread = (value: Spread) => `${ms(value.p50Ms)}, p99 ${ms(value.p99Ms)}`
  const peers = ['Bun.serve', 'deno serve', 'workerd']
    .map((name) => `${name} ${rate(throughput[name] ?? 0)}`)
    .join(', ')
  const worker = (value: WorkerMemory) =>
    `${mb(value.privateBytes)} private, ${mb(value.proportionalBytes)} PSS`
  const rows = [
    [
      'cold start p50',
      spread(coldStart.quickjs),
      spread(coldStart.bun),
      `workerd ${spread(coldStart.workerd)}; empty process ${spread(coldStart.floor)}`,
    ],
    ['latency', ms(latency.quickjsMs), ms(latency.bunMs), `Bun.serve ${ms(latency.bareMs)}`],
    ['throughput', rate(throughput['quickjs-ng'] ?? 0), rate(throughput.bun ?? 0), peers],
    ['idle worker', worker(memory.quickjs), worker(memory.bun), ''],
    ['100 workers', mb(memory.hundred.bytes), '', ''],
  ]
  return rows.map((row) => `| ${row.join(' | ')} |`)
}
