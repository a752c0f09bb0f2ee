// ErrorEvent and PromiseRejectionEvent, for scripts, and for reports of uncaught errors.

import { errorText } from 'fn:web'
import { cancel, Event, stateOf } from '../events/event.js'
import { dispatchTrusted } from '../events/events.js'
import { defineInterface, isObject, needArguments, toDictionary } from '../idl/idl.js'
import {
  primordialGlobals,
  ReflectApply,
  RegExpPrototypeExec,
  StringPrototypeToWellFormed,
  WeakSetPrototypeAdd,
  WeakSetPrototypeDelete,
} from '../idl/primordials.js'

const { Number, TypeError, WeakSet } = primordialGlobals

let errorStateOf

export class ErrorEvent extends Event {
  #error

  constructor(type, options = undefined) {
    needArguments('ErrorEvent', arguments.length, 1)
    super(type, options)
    const init = toDictionary(options, 'ErrorEvent: the second argument')
    const { colno, error, filename, lineno, message } = init
    this.#error = {
      __proto__: null,
      colno: colno === undefined ? 0 : colno >>> 0,
      error,
      filename: filename === undefined ? '' : StringPrototypeToWellFormed(`${filename}`),
      lineno: lineno === undefined ? 0 : lineno >>> 0,
      message: message === undefined ? '' : `${message}`,
    }
  }

  static {
    errorStateOf = (event) => (#error in event ? event.#error : undefined)
  }

  get message() {
    return this.#error.message
  }
  get filename() {
    return this.#error.filename
  }
  get lineno() {
    return this.#error.lineno
  }
  get colno() {
    return this.#error.colno
  }
  get error() {
    return this.#error.error
  }
}
defineInterface(ErrorEvent, { __proto__: null, global: false })

export class PromiseRejectionEvent extends Event {
  #promise
  #reason

  constructor(type, options) {
    needArguments('PromiseRejectionEvent', arguments.length, 2)
    super(type, options)
    const { promise, reason } = toDictionary(options, 'PromiseRejectionEvent: the second argument')
    if (!isObject(promise)) throw new TypeError('PromiseRejectionEvent: promise is required')
    this.#promise = promise
    this.#reason = reason
  }
  get promise() {
    return this.#promise
  }
  get reason() {
    return this.#reason
  }
}
defineInterface(PromiseRejectionEvent, { __proto__: null, global: false })

/** The braces of the error's properties may open behind its last frame. */
const POSITION = /([^\s(]+):(\d+):(\d+)\)?(?: \{)?$/m

/** The position of the topmost frame of a stack. */
function positionOf(stack) {
  const found = stack === undefined ? null : RegExpPrototypeExec(POSITION, stack)
  return found === null
    ? { __proto__: null }
    : { __proto__: null, filename: found[1], lineno: Number(found[2]), colno: Number(found[3]) }
}

/** Dispatches an uncaught exception to the scope; true when a listener cancelled the event. */
export function dispatchError(error) {
  const { message, stack } = errorText(error)
  const init = { ...positionOf(stack), __proto__: null, cancelable: true, error }
  init.message = `Uncaught ${message}`
  return !dispatchTrusted(globalThis, new ErrorEvent('error', init))
}

/** The scope's handler `onerror` gets the parts of the error; it cancels by returning true. */
export function callErrorHandler(handler, target, event) {
  const state = errorStateOf(event)
  const args =
    state === undefined
      ? [event]
      : [state.message, state.filename, state.lineno, state.colno, state.error]
  const result = ReflectApply(handler, target, args)
  if (result === (state !== undefined)) cancel(stateOf(event))
}

// Promises that were reported as unhandled and still have no handler.
const unhandled = new WeakSet()

/** True when a listener cancelled the event. */
export function dispatchRejection(promise, reason, handled) {
  if (handled && !WeakSetPrototypeDelete(unhandled, promise)) return false
  const init = { __proto__: null, cancelable: !handled, promise, reason }
  const type = handled ? 'rejectionhandled' : 'unhandledrejection'
  const cancelled = !dispatchTrusted(globalThis, new PromiseRejectionEvent(type, init))
  if (!handled && !cancelled) WeakSetPrototypeAdd(unhandled, promise)
  return cancelled
}
