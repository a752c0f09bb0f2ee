/** Samples of a service and every process below it: memory, descriptors, processes. */
import { readdirSync } from 'node:fs'
import { descendants } from '../tests/e2e/harness.ts'
import { processMemory } from './memory.ts'
import { type Trend, trendOf } from './trend.ts'

export interface Sample {
  seconds: number
  /** PSS of all processes of the service. */
  treeBytes: number
  /** PSS of the control plane alone. */
  serviceBytes: number
  treeDescriptors: number
  serviceDescriptors: number
  processes: number
}

type Series = Exclude<keyof Sample, 'seconds'>

const MB = 2 ** 20

/** Growth over a run that never counts as a leak: what one more worker or client may add. */
export const SERIES: Record<Series, { title: string; unit: 'MB' | ''; floor: number }> = {
  treeBytes: { title: 'memory of all processes', unit: 'MB', floor: 16 * MB },
  serviceBytes: { title: 'memory of the control plane', unit: 'MB', floor: 8 * MB },
  treeDescriptors: { title: 'descriptors of all processes', unit: '', floor: 12 },
  serviceDescriptors: { title: 'descriptors of the control plane', unit: '', floor: 6 },
  processes: { title: 'processes', unit: '', floor: 2 },
}
const NAMES = Object.keys(SERIES) as Series[]

/** @param start of the run, as `performance.now()` gives it */
export function sample(pid: number, start: number): Sample {
  const service = look(pid)
  const others = descendants(pid).map(look)
  const alive = [service, ...others].filter((use) => use !== undefined)
  return {
    seconds: (performance.now() - start) / 1000,
    treeBytes: alive.reduce((sum, { bytes }) => sum + bytes, 0),
    serviceBytes: service?.bytes ?? 0,
    treeDescriptors: alive.reduce((sum, { descriptors }) => sum + descriptors, 0),
    serviceDescriptors: service?.descriptors ?? 0,
    processes: alive.length,
  }
}

/** Undefined if the process has ended, or is ending. */
function look(pid: number): { bytes: number; descriptors: number } | undefined {
  try {
    const { proportionalBytes } = processMemory(pid)
    const descriptors = readdirSync(`/proc/${pid}/fd`).length
    return Number.isNaN(proportionalBytes) ? undefined : { bytes: proportionalBytes, descriptors }
  } catch {
    return undefined
  }
}

export type Trends = Record<Series, Trend>

/** The trend of each series after the warm-up. */
export function trendsOf(samples: readonly Sample[], warmUpSeconds: number): Trends {
  const counted = samples.filter(({ seconds }) => seconds >= warmUpSeconds)
  const entries = NAMES.map((name) => {
    const points = counted.map((each) => ({ seconds: each.seconds, value: each[name] }))
    return [name, trendOf(points, SERIES[name].floor)]
  })
  return Object.fromEntries(entries)
}

/** The rows of the table of trends. */
export function trendRows(trends: Trends): string[][] {
  return NAMES.map((name) => {
    const { title, unit } = SERIES[name]
    const { mean, slopePerHour, standardErrorPerHour, growth, allowance, flat } = trends[name]
    const show = (value: number) =>
      unit === 'MB' ? `${(value / MB).toFixed(1)} MB` : value.toFixed(1)
    const slope = `${show(slopePerHour)} ± ${show(standardErrorPerHour)}`
    return [title, show(mean), slope, show(growth), show(allowance), flat ? 'yes' : 'NO']
  })
}

/** What was open when the service had nothing to do, before the load and after it. */
export interface AtRest {
  before: Sample
  after: Sample
}

/** The series that did not return to where they were. Memory is judged by its trend alone. */
export function notReturned({ before, after }: AtRest): string[] {
  const names: Series[] = ['treeDescriptors', 'serviceDescriptors', 'processes']
  return names
    .filter((name) => after[name] - before[name] > SERIES[name].floor)
    .map(
      (name) => `${SERIES[name].title}: ${before[name]} before the load, ${after[name]} after it`,
    )
}
