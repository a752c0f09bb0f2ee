// PerformanceEntry, PerformanceMark and PerformanceMeasure: https://w3c.github.io/user-timing/

import { lazy, now } from 'fn:web'
import { defineInterface, isObject, needArguments, toDictionary, toFinite } from '../idl/idl.js'
import { primordialGlobals } from '../idl/primordials.js'

const { DOMException, TypeError } = primordialGlobals

const token = {}
let stateOf

export class PerformanceEntry {
  #state

  constructor() {
    if (arguments[0] !== token) throw new TypeError('Illegal constructor')
    this.#state = arguments[1]
  }

  static {
    stateOf = (entry) => entry.#state
  }

  get name() {
    return this.#state.name
  }
  get entryType() {
    return this.#state.entryType
  }
  get startTime() {
    return this.#state.startTime
  }
  get duration() {
    return this.#state.duration
  }
  toJSON() {
    const { name, entryType, startTime, duration, detail } = this.#state
    return { name, entryType, startTime, duration, detail }
  }
}
defineInterface(PerformanceEntry, { __proto__: null, global: false })

function cloneDetail(detail) {
  if (detail === undefined || detail === null) return null
  return isObject(detail) ? lazy('html/clone.js').cloneValue(detail) : detail
}

function toTime(value, what) {
  const time = toFinite(value, what)
  if (time < 0) throw new TypeError(`${what} is negative`)
  return time
}

export class PerformanceMark extends PerformanceEntry {
  #detail

  constructor(markName, markOptions = undefined) {
    needArguments('PerformanceMark', arguments.length, 1)
    const name = `${markName}`
    const { detail, startTime } = toDictionary(markOptions, 'PerformanceMark: the options')
    const state = {
      __proto__: null,
      name,
      entryType: 'mark',
      startTime: startTime === undefined ? now() : toTime(startTime, 'PerformanceMark: startTime'),
      duration: 0,
      detail: cloneDetail(detail),
    }
    super(token, state)
    this.#detail = state.detail
  }
  get detail() {
    return this.#detail
  }
}
defineInterface(PerformanceMark, { __proto__: null, global: false })

export class PerformanceMeasure extends PerformanceEntry {
  #detail

  constructor() {
    super(arguments[0], arguments[1])
    this.#detail = stateOf(this).detail
  }
  get detail() {
    return this.#detail
  }
}
defineInterface(PerformanceMeasure, { __proto__: null, global: false })

/** A time, or the name of a mark that `markTime` knows. */
function resolveTime(value, markTime) {
  if (typeof value === 'number') return toTime(value, 'Performance.measure: a time')
  const name = `${value}`
  const time = markTime(name)
  if (time === undefined) {
    throw new DOMException(`the mark '${name}' does not exist`, 'SyntaxError')
  }
  return time
}

function checkOptions({ start, duration, end }, endMark) {
  const given = start !== undefined || end !== undefined
  if (endMark !== undefined) {
    throw new TypeError('Performance.measure: an end mark cannot be combined with options')
  }
  if (!given) throw new TypeError('Performance.measure: start or end is required')
  if (start !== undefined && duration !== undefined && end !== undefined) {
    throw new TypeError('Performance.measure: start, duration and end cannot all be given')
  }
}

/** { start, duration, end, detail } as given. */
function readOptions(value, endMark) {
  if (value !== undefined && value !== null && !isObject(value)) {
    return { __proto__: null, start: `${value}`, end: endMark }
  }
  const { detail, duration, end, start } = toDictionary(value, 'Performance.measure: the options')
  const options = {
    __proto__: null,
    detail,
    duration:
      duration === undefined ? undefined : toFinite(duration, 'Performance.measure: duration'),
    end: end === undefined || typeof end === 'number' ? end : `${end}`,
    start: start === undefined || typeof start === 'number' ? start : `${start}`,
  }
  const empty =
    detail === undefined && duration === undefined && end === undefined && start === undefined
  if (empty) return { __proto__: null, end: endMark }
  checkOptions(options, endMark)
  return options
}

export function newMeasure(name, startOrOptions, endMark, markTime) {
  const { start, duration, end, detail } = readOptions(startOrOptions, endMark)
  const from = start === undefined ? undefined : resolveTime(start, markTime)
  let to
  if (end !== undefined) to = resolveTime(end, markTime)
  else to = duration === undefined ? now() : from + duration
  let startTime = from
  if (from === undefined) startTime = duration === undefined ? 0 : to - duration
  return new PerformanceMeasure(token, {
    __proto__: null,
    name,
    entryType: 'measure',
    startTime,
    duration: to - startTime,
    detail: cloneDetail(detail),
  })
}

/** The state of an entry, independent of its prototype. */
export const entryState = (entry) => stateOf(entry)
