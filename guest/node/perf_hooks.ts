/** node:perf_hooks: the worker's own clock and entries, and an observer of marks and measures. */

import { invalidArgType, nodeTypeError } from './internal/errors.ts'
import { validateFunction, validateObject } from './internal/validate.ts'

const { performance, PerformanceEntry, PerformanceMark, PerformanceMeasure } =
  globalThis as unknown as Record<string, never> & { performance: Performance }

export { PerformanceEntry, PerformanceMark, PerformanceMeasure, performance }

interface Entry {
  readonly name: string
  readonly entryType: string
  readonly startTime: number
  readonly duration: number
}
type ListCallback = (list: PerformanceObserverEntryList, observer: PerformanceObserver) => void

const ENTRY_TYPES = Object.freeze(['function', 'mark', 'measure'])
/** Entries of one observer that wait for its callback. Older ones are dropped and counted. */
const MAX_WAITING = 10_000

class PerformanceObserverEntryList {
  readonly #entries: Entry[]

  constructor(entries: Entry[]) {
    this.#entries = entries
  }

  getEntries(): Entry[] {
    return [...this.#entries]
  }

  getEntriesByType(type: string): Entry[] {
    return this.#entries.filter(({ entryType }) => entryType === String(type))
  }

  getEntriesByName(name: string, type?: string): Entry[] {
    return this.#entries.filter(
      (entry) => entry.name === String(name) && (type === undefined || entry.entryType === type),
    )
  }
}

const observers = new Set<PerformanceObserver>()
let watched = false

/** The engine notifies nobody of an entry, so the two methods that make them do. */
function watch(): void {
  if (watched) return
  watched = true
  for (const name of ['mark', 'measure'] as const) {
    const make = performance[name] as (...args: unknown[]) => Entry
    Object.defineProperty(performance, name, {
      value: (...args: unknown[]) => {
        const entry = Reflect.apply(make, performance, args)
        offerAll(entry)
        return entry
      },
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
}

let offer: (observer: PerformanceObserver, entry: Entry) => void

function offerAll(entry: Entry): void {
  for (const observer of observers) offer(observer, entry)
}

export class PerformanceObserver {
  static get supportedEntryTypes(): readonly string[] {
    return ENTRY_TYPES
  }

  readonly #callback: ListCallback
  #types: readonly string[] = []
  #waiting: Entry[] = []

  static {
    offer = (observer, entry) => observer.#take(entry)
  }

  constructor(callback: ListCallback) {
    if (typeof callback !== 'function') {
      throw invalidArgType('callback', 'of type function', callback)
    }
    this.#callback = callback
  }

  /** Other types are ignored, as the standard demands of unknown ones. */
  observe(options: { entryTypes?: readonly string[]; type?: string; buffered?: boolean }): void {
    if (typeof options !== 'object' || options === null) {
      throw invalidArgType('options', 'of type object', options)
    }
    const { entryTypes, type, buffered } = options
    if (entryTypes === undefined && type === undefined) {
      const message = 'The "options.entryTypes" or "options.type" property must be specified'
      throw nodeTypeError('ERR_MISSING_ARGS', message)
    }
    const types = [...(entryTypes ?? [...this.#types, String(type)])]
    this.#types = ENTRY_TYPES.filter((each) => types.includes(each))
    if (this.#types.length === 0) return
    watch()
    observers.add(this)
    if (buffered && type !== undefined) {
      for (const entry of performance.getEntriesByType(type as 'mark')) this.#take(entry as Entry)
    }
  }

  disconnect(): void {
    observers.delete(this)
    this.#types = []
    this.#waiting = []
  }

  takeRecords(): Entry[] {
    const taken = this.#waiting
    this.#waiting = []
    return taken
  }

  #take(entry: Entry): void {
    if (!this.#types.includes(entry.entryType)) return
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift()
    this.#waiting.push(entry)
    if (this.#waiting.length > 1) return
    setTimeout(() => {
      const entries = this.takeRecords()
      if (entries.length > 0) {
        this.#callback.call(this, new PerformanceObserverEntryList(entries), this)
      }
    }, 0)
  }
}

export { PerformanceObserverEntryList }

interface Utilization {
  idle: number
  active: number
  utilization: number
}

/** A worker does not measure how long its loop waits: all of it is 0, as in Node before its loop runs. */
export function eventLoopUtilization(): Utilization {
  return { idle: 0, active: 0, utilization: 0 }
}

const END_OF_START = 0

/** The start of a worker happened before its clock began. */
const nodeTiming = {
  name: 'node',
  entryType: 'node',
  startTime: 0,
  get duration(): number {
    return performance.now()
  },
  nodeStart: END_OF_START,
  v8Start: END_OF_START,
  environment: END_OF_START,
  bootstrapComplete: END_OF_START,
  loopStart: END_OF_START,
  loopExit: -1,
  idleTime: 0,
  uvMetricsInfo: { loopCount: 0, events: 0, eventsWaiting: 0 },
  toJSON() {
    const { toJSON, ...rest } = this
    return rest
  },
}

type AnyFunction = (...args: unknown[]) => unknown
interface Histogram {
  record(nanoseconds: number): void
}

function finish(name: string, begin: number, args: unknown[], histogram?: Histogram): void {
  const duration = performance.now() - begin
  histogram?.record(Math.max(1, Math.ceil(duration * 1e6)))
  const entry = Object.create((PerformanceEntry as unknown as { prototype: object }).prototype)
  const own = { name, entryType: 'function', startTime: begin, duration, detail: args }
  for (const [key, value] of Object.entries({ ...args, ...own })) {
    Object.defineProperty(entry, key, { value, enumerable: true })
  }
  offerAll(entry)
}

/** A function that does what `fn` does, and gives observers an entry for each call. */
export function timerify(fn: AnyFunction, options: { histogram?: Histogram } = {}): AnyFunction {
  validateFunction(fn, 'fn')
  validateObject(options, 'options')
  const { histogram } = options
  if (histogram !== undefined && typeof histogram?.record !== 'function') {
    throw invalidArgType('options.histogram', 'RecordableHistogram', histogram)
  }
  function timerified(this: unknown, ...args: unknown[]): unknown {
    const begin = performance.now()
    const result =
      new.target === undefined ? Reflect.apply(fn, this, args) : Reflect.construct(fn, args, fn)
    const end = () => finish(fn.name, begin, args, histogram)
    if (new.target === undefined && typeof (result as Promise<unknown>)?.finally === 'function') {
      return (result as Promise<unknown>).finally(end)
    }
    end()
    return result
  }
  Object.defineProperties(timerified, {
    length: { value: fn.length, configurable: true },
    name: { value: `timerified ${fn.name}`, configurable: true },
  })
  return timerified
}

for (const [name, value] of Object.entries({ eventLoopUtilization, nodeTiming, timerify })) {
  if (name in performance) continue
  Object.defineProperty(performance, name, { value, writable: true, configurable: true })
}

export const constants = {
  NODE_PERFORMANCE_GC_MAJOR: 4,
  NODE_PERFORMANCE_GC_MINOR: 1,
  NODE_PERFORMANCE_GC_INCREMENTAL: 8,
  NODE_PERFORMANCE_GC_WEAKCB: 16,
  NODE_PERFORMANCE_GC_FLAGS_NO: 0,
  NODE_PERFORMANCE_GC_FLAGS_CONSTRUCT_RETAINED: 2,
  NODE_PERFORMANCE_GC_FLAGS_FORCED: 4,
  NODE_PERFORMANCE_GC_FLAGS_SYNCHRONOUS_PHANTOM_PROCESSING: 8,
  NODE_PERFORMANCE_GC_FLAGS_ALL_AVAILABLE_GARBAGE: 16,
  NODE_PERFORMANCE_GC_FLAGS_ALL_EXTERNAL_MEMORY: 32,
  NODE_PERFORMANCE_GC_FLAGS_SCHEDULE_IDLE: 64,
}

export default {
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  PerformanceObserverEntryList,
  constants,
  eventLoopUtilization,
  performance,
  timerify,
}
