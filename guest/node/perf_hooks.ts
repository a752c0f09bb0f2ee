/** node:perf_hooks: the worker's own clock and entries, and an observer of marks and measures. */

import { invalidArgType, nodeTypeError } from './internal/errors.ts'

const { performance, PerformanceEntry, PerformanceMark, PerformanceMeasure } =
  globalThis as unknown as Record<string, never> & { performance: Performance }

export { PerformanceEntry, PerformanceMark, PerformanceMeasure, performance }

type Entry = ReturnType<Performance['mark']> | ReturnType<Performance['measure']>
type ListCallback = (list: PerformanceObserverEntryList, observer: PerformanceObserver) => void

const ENTRY_TYPES = Object.freeze(['mark', 'measure'])
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
        for (const observer of observers) offer(observer, entry)
        return entry
      },
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
}

let offer: (observer: PerformanceObserver, entry: Entry) => void

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

  /** Types other than marks and measures are ignored, as the standard demands of unknown ones. */
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
  performance,
}
