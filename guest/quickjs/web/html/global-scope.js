// The global scope as an EventTarget, and its reports of uncaught errors:
// https://html.spec.whatwg.org/#runtime-script-errors

import { lazy } from 'fn:web'
import { defineHandler, EventTarget, hasListener } from '../events/events.js'
import { ObjectSetPrototypeOf } from '../idl/primordials.js'

ObjectSetPrototypeOf(globalThis, EventTarget.prototype)

const events = () => lazy('html/error-events.js')

defineHandler(globalThis, 'error', {
  __proto__: null,
  call: (handler, target, event) => events().callErrorHandler(handler, target, event),
})
defineHandler(globalThis, 'unhandledrejection')
defineHandler(globalThis, 'rejectionhandled')

// An exception of an error listener is not reported to the error listeners again.
let reporting = false

/** True when a listener cancelled the event: then the error is not logged. */
export function reportException(error) {
  if (reporting || !hasListener(globalThis, 'error')) return undefined
  reporting = true
  try {
    return events().dispatchError(error)
  } finally {
    reporting = false
  }
}

/**
 * The same for a promise that was rejected without a handler, or (`handled`) got one later.
 * undefined when there is no listener.
 */
export function promiseEvent(promise, reason, handled) {
  const wanted = hasListener(globalThis, handled ? 'rejectionhandled' : 'unhandledrejection')
  if (!wanted && (handled || !hasListener(globalThis, 'rejectionhandled'))) return undefined
  return events().dispatchRejection(promise, reason, handled)
}
