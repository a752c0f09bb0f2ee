/** The results of several runs, and the Markdown tables that are made of them. */
import { BUDGETS, type Budget, isMet, type Unit } from './budgets.ts'
import type { Figures } from './parts.ts'
import { median, quantile } from './statistics.ts'

export interface Results {
  date: string
  machine: string
  kernel: string
  /** Versions by name. */
  peers: Record<string, string>
  quick: boolean
  runs: Figures[]
  /** Median duration of each part. */
  partSeconds: Record<string, number>
}

/** The values of one figure in all runs that measured it. */
export function valuesOf(results: Results, name: string): number[] {
  return results.runs.flatMap((figures) => figures[name] ?? [])
}

/** The unit that the end of a figure's name says. */
export function unitOf(name: string): Unit {
  if (name.endsWith('bytesPerSecond')) return 'byteRate'
  if (name.endsWith('PerSecond')) return 'rate'
  if (name.endsWith('Bytes')) return 'bytes'
  return name.endsWith('Ms') ? 'ms' : 'ratio'
}

export function format(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return '-'
  const size = Math.abs(value)
  switch (unit) {
    case 'ms':
      return `${value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)} ms`
    case 'bytes':
      return size < 1e5 ? `${Math.round(value / 1000)} kB` : `${(value / 2 ** 20).toFixed(2)} MB`
    case 'rate':
      return `${Math.round(value).toLocaleString('en')}/s`
    case 'byteRate':
      return `${Math.round(value / 2 ** 20)} MB/s`
    case 'ratio':
      return `${value.toFixed(2)}x`
  }
}

/** Median, extremes and quartiles as cells of a table. */
export function spreadCells(values: number[], unit: Unit): string[] {
  const at = (share: number) => format(quantile(values, share), unit)
  return [at(0.5), `${at(0)} to ${at(1)}`, `${at(0.25)} to ${at(0.75)}`]
}

export function table(head: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}

/** When and where the results were measured, and beside what. */
export function describeRun(results: Results): string {
  const peers = Object.entries(results.peers).map(([name, version]) => `${name} ${version}`)
  const quick = results.quick ? ' These are quick runs with few samples; do not publish them.' : ''
  return (
    `Measured on ${results.date.slice(0, 10)}, runs: ${results.runs.length}; ` +
    `${results.machine}; Linux ${results.kernel}; ${peers.join(', ')}.${quick}`
  )
}

const SPREAD = ['median', 'min to max', 'quartiles']

/** The budgets: spread over the runs, and in how many of them each was met. */
export function budgetTable(results: Results): string[] {
  const rows = BUDGETS.flatMap((budget) => {
    const values = results.runs.map(budget.value).filter((value) => !Number.isNaN(value))
    if (values.length === 0) return []
    return [
      [budget.what, ...spreadCells(values, budget.unit), limitOf(budget), met(budget, values)],
    ]
  })
  return table(['budget', ...SPREAD, 'limit', 'met'], rows)
}

function limitOf({ floor, limit, unit }: Budget): string {
  return `${floor ? 'at least' : 'at most'} ${format(limit, unit)}`
}

function met(budget: Budget, values: number[]): string {
  const count = values.filter((value) => isMet(budget, value)).length
  return `in ${count} of ${values.length} runs`
}

/** The figures whose names begin with `prefix`. */
export function figureTable(results: Results, prefix: string): string[] {
  const names = new Set(results.runs.flatMap((figures) => Object.keys(figures)))
  const rows = [...names]
    .filter((name) => name.startsWith(prefix))
    .map((name) => [labelOf(name), ...spreadCells(valuesOf(results, name), unitOf(name))])
  return rows.length === 0 ? [] : table(['figure', ...SPREAD], rows)
}

const WORDS: Record<string, string> = {
  quickjs: 'quickjs-ng',
  bunServe: 'Bun.serve',
  denoServe: 'deno serve',
  workerd: 'workerd',
  floor: 'empty process',
  p50Ms: 'p50',
  p99Ms: 'p99',
  quietRatio: 'p99 over quiet',
  privateBytes: 'private memory',
  proportionalBytes: 'PSS',
  totalBytes: 'total memory',
  residentBytes: 'resident memory',
  readyMs: 'until ready',
  requestsPerSecond: 'requests',
  bytesPerSecond: 'speed',
  workerGrowthBytes: 'growth of the worker',
  controlPlaneGrowthBytes: 'growth of the control plane',
  hundredWorkers: '100 workers',
  thousandWorkers: '1,000 workers',
  controlPlane: '1,000 functions',
  projects: '10,000 projects of one function',
}

/** A figure's name in words, without the group that its table stands for. */
function labelOf(name: string): string {
  const parts = name.split('.')
  const shown = parts.length > 2 ? parts.slice(1) : parts
  return shown.map((part) => WORDS[part] ?? part).join(', ')
}

/** The groups of figures, each with the heading of its table. */
export const GROUPS: Record<string, string> = {
  'cold.': 'Cold start',
  'latency.': 'Latency of one warm client',
  'throughput.': 'Throughput of 32 clients',
  'memory.': 'Memory',
  'controlPlane.': 'Start of the control plane',
  'uploads.': 'Upload of 1 GB',
  'layers.': 'The sandbox, layer by layer: cold start and idle worker',
  'neighbours.': "A neighbour's latency beside an attack",
}

/** The whole report. */
export function report(results: Results): string {
  const lines = [describeRun(results), '', ...budgetTable(results)]
  for (const [prefix, heading] of Object.entries(GROUPS)) {
    const rows = figureTable(results, prefix)
    if (rows.length > 0) {
      lines.push('', `### ${heading}`, '', ...rows)
    }
  }
  const parts = Object.entries(results.partSeconds)
  lines.push('', '### Duration of one run', '')
  lines.push(
    ...table(
      ['part', 'seconds'],
      parts.map(([part, s]) => [part, s.toFixed(0)]),
    ),
  )
  return `${lines.join('\n')}\n`
}

/** Both sides of a comparison, figure by figure. */
export function compareTable(before: Results, after: Results): string[] {
  const names = new Set(before.runs.flatMap((figures) => Object.keys(figures)))
  const rows = [...names].flatMap((name) => {
    const [old, now] = [valuesOf(before, name), valuesOf(after, name)]
    if (now.length === 0) return []
    const unit = unitOf(name)
    const side = (values: number[]) => {
      const [middle, range] = spreadCells(values, unit)
      return `${middle} (${range})`
    }
    return [
      [
        name.replace(/(Ms|Bytes|PerSecond)$/, ''),
        side(old),
        side(now),
        format(median(now) / median(old), 'ratio'),
      ],
    ]
  })
  return table(['figure', 'before, median (min to max)', 'after', 'after / before'], rows)
}
