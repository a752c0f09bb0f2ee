// Performance: https://w3c.github.io/hr-time/, its entries https://w3c.github.io/performance-timeline/
// and their marks and measures https://w3c.github.io/user-timing/

import { now, timeOrigin } from 'fn:web'
import { EventTarget } from '../events/events.js'
import { defineInterface, needArguments } from '../idl/idl.js'
import { ArrayPrototypePush, ArrayPrototypeSplice, primordialGlobals } from '../idl/primordials.js'
import { entryState, newMeasure, PerformanceMark } from './performance-entries.js'

const { TypeError } = primordialGlobals

const token = {}
/** All marks and measures, by start time, then by creation. */
const entries = []

function record(entry) {
  const state = entryState(entry)
  let at = entries.length
  while (at > 0 && entries[at - 1].state.startTime > state.startTime) at--
  ArrayPrototypePush(entries, undefined)
  for (let i = entries.length - 1; i > at; i--) entries[i] = entries[i - 1]
  entries[at] = { __proto__: null, entry, state }
  return entry
}

function find(name, type) {
  const found = []
  for (let i = 0; i < entries.length; i++) {
    const { entry, state } = entries[i]
    const wanted =
      (name === undefined || state.name === name) &&
      (type === undefined || state.entryType === type)
    if (wanted) ArrayPrototypePush(found, entry)
  }
  return found
}

function clear(type, name) {
  for (let i = entries.length - 1; i >= 0; i--) {
    const { state } = entries[i]
    if (state.entryType === type && (name === undefined || state.name === name)) {
      ArrayPrototypeSplice(entries, i, 1)
    }
  }
}

/** The start of the latest mark of that name. */
function markTime(name) {
  for (let i = entries.length - 1; i >= 0; i--) {
    const { state } = entries[i]
    if (state.entryType === 'mark' && state.name === name) return state.startTime
  }
  return undefined
}

const optionalString = (value) => (value === undefined ? undefined : `${value}`)

export class Performance extends EventTarget {
  #made

  constructor() {
    if (arguments[0] !== token) throw new TypeError('Illegal constructor')
    super()
    this.#made = true
  }

  static #check(value) {
    if (typeof value !== 'object' || value === null || !(#made in value)) {
      throw new TypeError('Illegal invocation')
    }
  }

  now() {
    Performance.#check(this)
    return now()
  }
  get timeOrigin() {
    Performance.#check(this)
    return timeOrigin()
  }
  toJSON() {
    Performance.#check(this)
    return { timeOrigin: timeOrigin() }
  }
  getEntries() {
    Performance.#check(this)
    return find()
  }
  getEntriesByType(type) {
    Performance.#check(this)
    needArguments('Performance.getEntriesByType', arguments.length, 1)
    return find(undefined, `${type}`)
  }
  getEntriesByName(name, type = undefined) {
    Performance.#check(this)
    needArguments('Performance.getEntriesByName', arguments.length, 1)
    return find(`${name}`, optionalString(type))
  }
  mark(markName, markOptions = undefined) {
    Performance.#check(this)
    needArguments('Performance.mark', arguments.length, 1)
    return record(new PerformanceMark(markName, markOptions))
  }
  clearMarks(markName = undefined) {
    Performance.#check(this)
    clear('mark', optionalString(markName))
  }
  measure(measureName, startOrMeasureOptions = undefined, endMark = undefined) {
    Performance.#check(this)
    needArguments('Performance.measure', arguments.length, 1)
    const name = `${measureName}`
    return record(newMeasure(name, startOrMeasureOptions, optionalString(endMark), markTime))
  }
  clearMeasures(measureName = undefined) {
    Performance.#check(this)
    clear('measure', optionalString(measureName))
  }
}
defineInterface(Performance, { __proto__: null, global: false })

export const performance = new Performance(token)
