// The global scope as an EventTarget, and what it is told of errors that nothing caught:
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

// What a listener for errors throws is not told to the listeners for errors.
let reporting = false

/** true where a listener took the error on itself: it is not to be logged then. */
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
 * The same for a promise: rejected without a handler, or (`handled`) given one after all. undefined
 * where nobody listens.
 */
export function promiseEvent(promise, reason, handled) {
  const wanted = hasListener(globalThis, handled ? 'rejectionhandled' : 'unhandledrejection')
  if (!wanted && (handled || !hasListener(globalThis, 'rejectionhandled'))) return undefined
  return events().dispatchRejection(promise, reason, handled)
}
