// AbortController and AbortSignal: https://dom.spec.whatwg.org/#aborting-ongoing-activities

import {
  defineInterface,
  forEachValue,
  isObject,
  needArguments,
  toUnsignedLongLong,
} from '../idl/idl.js'
import { ArrayPrototypePush, ArrayPrototypeSplice, primordialGlobals } from '../idl/primordials.js'
import { defineHandler, EventTarget, fire, setSignalHooks } from './events.js'

const { DOMException, setTimeout, TypeError } = primordialGlobals

const token = {}
export let isSignal
let stateOf

export class AbortSignal extends EventTarget {
  #state

  constructor() {
    if (arguments[0] !== token) throw new TypeError('Illegal constructor')
    super()
    this.#state = {
      __proto__: null,
      aborted: false,
      reason: undefined,
      algorithms: [],
      dependent: false,
      sources: [],
      dependents: [],
    }
  }

  static {
    stateOf = (signal) => signal.#state
    isSignal = (value) => isObject(value) && #state in value
  }

  static abort(reason = undefined) {
    const signal = new AbortSignal(token)
    setReason(stateOf(signal), reason)
    return signal
  }
  static timeout(milliseconds) {
    needArguments('AbortSignal.timeout', arguments.length, 1)
    const wait = toUnsignedLongLong(milliseconds, 'AbortSignal.timeout: the time')
    const signal = new AbortSignal(token)
    // Made now: its stack has the frames of the call, and none when the timer runs.
    const error = new DOMException('the signal timed out', 'TimeoutError')
    setTimeout(() => abortSignal(signal, error), wait > 2147483646 ? 2147483646 : wait)
    return signal
  }
  static any(signals) {
    needArguments('AbortSignal.any', arguments.length, 1)
    const sources = []
    forEachValue(signals, 'AbortSignal.any: the argument', (signal) => {
      if (!isSignal(signal)) throw new TypeError('AbortSignal.any: not an AbortSignal')
      ArrayPrototypePush(sources, signal)
    })
    return dependOn(sources)
  }
  get aborted() {
    return this.#state.aborted
  }
  get reason() {
    return this.#state.reason
  }
  throwIfAborted() {
    const state = this.#state
    if (state.aborted) throw state.reason
  }
}
defineHandler(AbortSignal.prototype, 'abort')
defineInterface(AbortSignal)

function setReason(state, reason) {
  state.aborted = true
  state.reason =
    reason === undefined ? new DOMException('the operation was aborted', 'AbortError') : reason
}

/** Flattens sources of sources, so that every dependent signal has only independent sources. */
function dependOn(sources) {
  const result = new AbortSignal(token)
  const state = stateOf(result)
  for (let i = 0; i < sources.length; i++) {
    const source = stateOf(sources[i])
    if (source.aborted) {
      setReason(state, source.reason)
      return result
    }
  }
  state.dependent = true
  for (let i = 0; i < sources.length; i++) {
    const source = stateOf(sources[i])
    const roots = source.dependent ? source.sources : [sources[i]]
    for (let k = 0; k < roots.length; k++) {
      ArrayPrototypePush(state.sources, roots[k])
      ArrayPrototypePush(stateOf(roots[k]).dependents, result)
    }
  }
  return result
}

function runSteps(signal, state) {
  const { algorithms } = state
  state.algorithms = []
  for (let i = 0; i < algorithms.length; i++) algorithms[i](state.reason)
  fire(signal, 'abort')
}

export function abortSignal(signal, reason) {
  const state = stateOf(signal)
  if (state.aborted) return
  setReason(state, reason)
  const dependents = []
  for (let i = 0; i < state.dependents.length; i++) {
    const dependent = stateOf(state.dependents[i])
    if (!dependent.aborted) {
      setReason(dependent, state.reason)
      ArrayPrototypePush(dependents, state.dependents[i])
    }
  }
  state.dependents = []
  runSteps(signal, state)
  for (let i = 0; i < dependents.length; i++) {
    const dependent = stateOf(dependents[i])
    dependent.sources = []
    runSteps(dependents[i], dependent)
  }
}

/** A signal that follows `parent`, or none when that is undefined. */
export function newSignal(parent) {
  return parent === undefined ? new AbortSignal(token) : dependOn([parent])
}

export const isAborted = (signal) => stateOf(signal).aborted
export const abortReason = (signal) => stateOf(signal).reason

/** Runs once, when the signal is aborted and before its event. */
export function addAbortAlgorithm(signal, algorithm) {
  ArrayPrototypePush(stateOf(signal).algorithms, algorithm)
}

export function removeAbortAlgorithm(signal, algorithm) {
  const { algorithms } = stateOf(signal)
  for (let i = 0; i < algorithms.length; i++) {
    if (algorithms[i] !== algorithm) continue
    ArrayPrototypeSplice(algorithms, i, 1)
    return
  }
}

setSignalHooks({
  __proto__: null,
  check(signal) {
    if (!isSignal(signal)) throw new TypeError('the signal is not an AbortSignal')
  },
  aborted: isAborted,
  onAbort: addAbortAlgorithm,
})

/** Calls `algorithm` with the reason when the signal aborts, or at once when it already has. */
export function whenAborted(signal, algorithm) {
  const state = stateOf(signal)
  if (state.aborted) algorithm(state.reason)
  else ArrayPrototypePush(state.algorithms, algorithm)
}

export class AbortController {
  #signal = new AbortSignal(token)

  get signal() {
    return this.#signal
  }
  abort(reason = undefined) {
    abortSignal(this.#signal, reason)
  }
}
defineInterface(AbortController)
