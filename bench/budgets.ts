/** The budgets: which figure, or which quotient of figures, is held against which limit. */
import type { Figures } from './parts.ts'

export interface Budget {
  what: string
  /** The value of one run; NaN when the run lacks a figure that it needs. */
  value(figures: Figures): number
  unit: Unit
  /** The most, or for a `floor` the least, that meets the budget. */
  limit: number
  /** The limit is a minimum. */
  floor?: boolean
}

export type Unit = 'ms' | 'bytes' | 'ratio' | 'rate' | 'byteRate'

const MB = 2 ** 20

const figure = (name: string) => (figures: Figures) => figures[name] ?? Number.NaN

const quotient = (over: string, under: string) => (figures: Figures) =>
  figure(over)(figures) / figure(under)(figures)

const difference = (of: string, less: string) => (figures: Figures) =>
  figure(of)(figures) - figure(less)(figures)

const COLD = 'cold.hello.quickjs.p50Ms'
const ALL = 'layers.all layers'
const NONE = 'layers.without all of these'

export const BUDGETS: Budget[] = [
  {
    what: 'cold start p50, hello, over an empty process',
    value: quotient(COLD, 'cold.floor.p50Ms'),
    unit: 'ratio',
    limit: 6,
  },
  {
    what: "cold start p50, hello, over workerd's dynamic isolate",
    value: quotient(COLD, 'cold.hello.workerd.p50Ms'),
    unit: 'ratio',
    limit: 1,
  },
  {
    what: 'latency added to bare Bun.serve, one client',
    value: difference('latency.quickjs.p50Ms', 'latency.bunServe.p50Ms'),
    unit: 'ms',
    limit: 0.25,
  },
  {
    what: 'throughput over workerd, 32 clients',
    value: quotient('throughput.quickjs.requestsPerSecond', 'throughput.workerd.requestsPerSecond'),
    unit: 'ratio',
    limit: 1.5,
    floor: true,
  },
  {
    what: 'idle worker after one request, private memory',
    value: figure('memory.quickjs.privateBytes'),
    unit: 'bytes',
    limit: MB,
  },
  {
    what: '1,000 live workers, total memory',
    value: figure('memory.thousandWorkers.totalBytes'),
    unit: 'bytes',
    limit: 1024 * MB,
  },
  {
    what: 'control plane with 1,000 functions, until ready',
    value: figure('controlPlane.readyMs'),
    unit: 'ms',
    limit: 300,
  },
  {
    what: 'control plane with 1,000 functions, resident',
    value: figure('controlPlane.residentBytes'),
    unit: 'bytes',
    limit: 100 * MB,
  },
  {
    what: 'control plane with 10,000 projects of one function, until ready',
    value: figure('controlPlane.projects.readyMs'),
    unit: 'ms',
    limit: 300,
  },
  {
    what: 'control plane with 10,000 projects of one function, resident',
    value: figure('controlPlane.projects.residentBytes'),
    unit: 'bytes',
    limit: 150 * MB,
  },
  ...['count', 'transform'].flatMap((how): Budget[] => [
    {
      what: `upload of 1 GB (${how}), growth of the worker`,
      value: figure(`uploads.${how}.workerGrowthBytes`),
      unit: 'bytes',
      limit: 16 * MB,
    },
    {
      what: `upload of 1 GB (${how}), growth of the control plane`,
      value: figure(`uploads.${how}.controlPlaneGrowthBytes`),
      unit: 'bytes',
      limit: 32 * MB,
    },
  ]),
  {
    what: 'the sandbox, added to a cold start p50',
    value: difference(`${ALL}.p50Ms`, `${NONE}.p50Ms`),
    unit: 'ms',
    limit: 0.3,
  },
  {
    what: 'the sandbox, added to an idle worker',
    value: difference(`${ALL}.privateBytes`, `${NONE}.privateBytes`),
    unit: 'bytes',
    limit: 50e3,
  },
]

export function isMet({ limit, floor }: Budget, value: number): boolean {
  return floor ? value >= limit : value <= limit
}
