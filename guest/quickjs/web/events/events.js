// EventTarget: https://dom.spec.whatwg.org/#interface-eventtarget
// There is no tree, so the path of an event is only its target.

import { report } from 'fn:web'
import { defineInterface, isObject, needArguments } from '../idl/idl.js'
import {
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  ArrayPrototypeSplice,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  primordialGlobals,
  ReflectApply,
  WeakMapPrototypeDelete,
  WeakMapPrototypeGet,
  WeakMapPrototypeSet,
} from '../idl/primordials.js'
import { cancel, Event, isEvent, PHASES, stateOf } from './event.js'

const { DOMException, TypeError, WeakMap } = primordialGlobals

export let isEventTarget
let listenersOf

function toCallback(callback) {
  if (callback === null || callback === undefined) return null
  if (typeof callback !== 'function' && typeof callback !== 'object') {
    throw new TypeError('EventTarget: the callback is neither a function nor an object')
  }
  return callback
}

function toCapture(options) {
  return typeof options === 'object' && options !== null ? !!options.capture : !!options
}

function indexOfListener(listeners, type, callback, capture) {
  for (let i = 0; i < listeners.length; i++) {
    const listener = listeners[i]
    if (listener.type === type && listener.callback === callback && listener.capture === capture) {
      return i
    }
  }
  return -1
}

function removeAt(listeners, index) {
  listeners[index].removed = true
  ArrayPrototypeSplice(listeners, index, 1)
}

/** Set by abort.js: (signal) => its state. Throws when it is not a signal. */
let signalHooks
export function setSignalHooks(hooks) {
  signalHooks = hooks
}

function addListener(target, type, callback, options) {
  let capture = false
  let once = false
  let passive = false
  let signal
  if (typeof options === 'object' && options !== null) {
    capture = !!options.capture
    once = !!options.once
    passive = !!options.passive
    signal = options.signal
    if (signal !== undefined) signalHooks.check(signal)
  } else {
    capture = !!options
  }
  if (callback === null || (signal !== undefined && signalHooks.aborted(signal))) return
  const listeners = listenersOf(target)
  if (indexOfListener(listeners, type, callback, capture) >= 0) return
  const listener = { __proto__: null, type, callback, capture, once, passive, removed: false }
  ArrayPrototypePush(listeners, listener)
  if (signal !== undefined) {
    signalHooks.onAbort(signal, () => {
      const index = indexOfListener(listeners, type, callback, capture)
      if (index >= 0 && listeners[index] === listener) removeAt(listeners, index)
    })
  }
}

/**
 * Listeners of the global scope, which is a target too; `this` may be undefined or null to mean it.
 */
const globalListeners = []
const targetOf = (value) => (value === undefined || value === null ? globalThis : value)

export class EventTarget {
  #listeners = []

  static {
    listenersOf = (target) => (target === globalThis ? globalListeners : target.#listeners)
    isEventTarget = (value) => value === globalThis || (isObject(value) && #listeners in value)
  }

  addEventListener(type, callback, options = undefined) {
    const target = targetOf(this)
    listenersOf(target)
    needArguments('EventTarget.addEventListener', arguments.length, 2)
    addListener(target, `${type}`, toCallback(callback), options)
  }
  removeEventListener(type, callback, options = undefined) {
    const listeners = listenersOf(targetOf(this))
    needArguments('EventTarget.removeEventListener', arguments.length, 2)
    const name = `${type}`
    const wanted = toCallback(callback)
    const index = indexOfListener(listeners, name, wanted, toCapture(options))
    if (index >= 0) removeAt(listeners, index)
  }
  dispatchEvent(event) {
    const target = targetOf(this)
    listenersOf(target)
    needArguments('EventTarget.dispatchEvent', arguments.length, 1)
    if (!isEvent(event)) {
      throw new TypeError('EventTarget.dispatchEvent: the argument is not an Event')
    }
    const state = stateOf(event)
    if (state.dispatching) {
      throw new DOMException('the event is already being dispatched', 'InvalidStateError')
    }
    state.trusted = false
    return dispatch(target, event)
  }
}
defineInterface(EventTarget)

function callListener(target, listener, event) {
  try {
    if (typeof listener.callback === 'function') {
      ReflectApply(listener.callback, target, [event])
      return
    }
    const { handleEvent } = listener.callback
    if (typeof handleEvent !== 'function') throw new TypeError('handleEvent is not a function')
    ReflectApply(handleEvent, listener.callback, [event])
  } catch (error) {
    report(error)
  }
}

/** One pass over the listeners; those for the capturing phase come first, as for a target. */
function invoke(target, event, state, capture) {
  const listeners = listenersOf(target)
  const snapshot = ArrayPrototypeSlice(listeners)
  for (let i = 0; i < snapshot.length && !state.stoppedAtOnce; i++) {
    const listener = snapshot[i]
    if (listener.removed || listener.type !== state.type || listener.capture !== capture) continue
    if (listener.once) {
      const index = indexOfListener(listeners, listener.type, listener.callback, capture)
      if (index >= 0) removeAt(listeners, index)
    }
    state.passive = listener.passive
    callListener(target, listener, event)
    state.passive = false
  }
}

function dispatch(target, event) {
  const state = stateOf(event)
  state.dispatching = true
  state.target = target
  state.currentTarget = target
  state.phase = PHASES.AT_TARGET
  if (!state.stopped) invoke(target, event, state, true)
  if (!state.stopped) invoke(target, event, state, false)
  state.phase = PHASES.NONE
  state.currentTarget = null
  state.dispatching = state.stopped = state.stoppedAtOnce = false
  return !state.canceled
}

export function hasListener(target, type) {
  const listeners = listenersOf(target)
  for (let i = 0; i < listeners.length; i++) {
    if (listeners[i].type === type) return true
  }
  return false
}

/** Dispatches an event of the platform; false when a listener cancelled it. */
export function dispatchTrusted(target, event) {
  stateOf(event).trusted = true
  return dispatch(target, event)
}

/** The same for an event that has only a type. */
export function fire(target, type) {
  if (listenersOf(target).length > 0) dispatchTrusted(target, new Event(type))
}

function callHandler(handler, target, event) {
  if (ReflectApply(handler, target, [event]) === false) cancel(stateOf(event))
}

/**
 * Defines an event handler attribute such as `onabort` on `object`, the prototype of an interface
 * or the global scope. Its listener takes its place in the list when it is set for the first time,
 * or after it was null.
 *
 * @param hooks `call` replaces the call of the handler with the event; `added` runs when a handler
 * is set
 */
export function defineHandler(object, type, { call = callHandler, added } = { __proto__: null }) {
  const name = `on${type}`
  const handlers = new WeakMap()
  const accessor = {
    get [name]() {
      const target = targetOf(this)
      listenersOf(target)
      const entry = WeakMapPrototypeGet(handlers, target)
      return entry === undefined ? null : entry.handler
    },
    set [name](value) {
      const target = targetOf(this)
      const listeners = listenersOf(target)
      // [LegacyTreatNonObjectAsNull]: any object is accepted, but only a function is called.
      const handler = isObject(value) ? value : null
      const entry = WeakMapPrototypeGet(handlers, target)
      if (entry !== undefined && handler !== null) {
        entry.handler = handler
      } else if (entry !== undefined) {
        WeakMapPrototypeDelete(handlers, target)
        const index = indexOfListener(listeners, type, entry.listener, false)
        if (index >= 0) removeAt(listeners, index)
      } else if (handler !== null) {
        const made = { __proto__: null, handler, listener: undefined }
        made.listener = function (event) {
          if (typeof made.handler === 'function') call(made.handler, this, event)
        }
        WeakMapPrototypeSet(handlers, target, made)
        addListener(target, type, made.listener, undefined)
      }
      if (handler !== null && added !== undefined) added(target)
    },
  }
  const property = ObjectGetOwnPropertyDescriptor(accessor, name)
  ObjectDefineProperty(object, name, { __proto__: null, ...property })
}
