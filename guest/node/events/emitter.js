/** EventEmitter: https://nodejs.org/api/events.html#class-eventemitter */
import { invalidArgType, nodeError, shown } from '../internal/errors.ts'
import {
  validateAbortSignal,
  validateBoolean,
  validateFunction,
  validateNumber,
} from '../internal/validate.ts'
import { emitWarning } from '../internal/warn.js'

export const errorMonitor = Symbol('events.errorMonitor')
export const captureRejectionSymbol = Symbol.for('nodejs.rejection')
const kCapture = Symbol('kCapture')

let defaultMaxListeners = 10

/** A function, not a class: packages call it on objects that they made. */
export function EventEmitter(options) {
  EventEmitter.init.call(this, options)
}

// A bundler may rename what has the name of another.
Object.defineProperty(EventEmitter, 'name', { value: 'EventEmitter', configurable: true })

EventEmitter.init = function (options) {
  if (this._events === undefined || this._events === Object.getPrototypeOf(this)._events) {
    this._events = { __proto__: null }
    this._eventsCount = 0
  }
  this._maxListeners = this._maxListeners || undefined
  if (options?.captureRejections) {
    validateBoolean(options.captureRejections, 'options.captureRejections')
    this[kCapture] = true
  } else if (EventEmitter.prototype[kCapture]) {
    this[kCapture] = true
  }
}

EventEmitter.prototype._events = undefined
EventEmitter.prototype._eventsCount = 0
EventEmitter.prototype._maxListeners = undefined
Object.defineProperty(EventEmitter.prototype, kCapture, { value: false, writable: true })

EventEmitter.usingDomains = false
EventEmitter.captureRejectionSymbol = captureRejectionSymbol
EventEmitter.errorMonitor = errorMonitor
Object.defineProperties(EventEmitter, {
  captureRejections: {
    enumerable: true,
    get: () => EventEmitter.prototype[kCapture],
    set(value) {
      validateBoolean(value, 'EventEmitter.captureRejections')
      EventEmitter.prototype[kCapture] = value
    },
  },
  defaultMaxListeners: {
    enumerable: true,
    get: () => defaultMaxListeners,
    set(value) {
      validateNumber(value, 'defaultMaxListeners', 0)
      defaultMaxListeners = value
    },
  },
})

const maxOf = (emitter) => emitter._maxListeners ?? defaultMaxListeners

function checkListener(listener) {
  validateFunction(listener, 'listener')
}

function unhandled(args) {
  const [error] = args
  if (error instanceof Error) return error
  const text =
    typeof error === 'object' || typeof error === 'function' ? inspected(error) : shown(error)
  const failure = nodeError('ERR_UNHANDLED_ERROR', `Unhandled error. (${text})`)
  failure.context = error
  return failure
}

function inspected(value) {
  try {
    const custom = value?.[Symbol.for('nodejs.util.inspect.custom')]
    return typeof custom === 'function' ? String(custom.call(value)) : shown(value)
  } catch {
    return String(value)
  }
}

/** With `captureRejections`: what a listener's promise rejects with is an `error` event. */
function watch(emitter, result, type, args) {
  if (result === undefined || result === null || typeof result !== 'object') return
  try {
    const { then } = result
    if (typeof then !== 'function') return
    then.call(result, undefined, (error) => {
      nextTick(() => onRejection(emitter, error, type, args))
    })
  } catch (error) {
    emitter.emit('error', error)
  }
}

const nextTick = (fn) =>
  typeof globalThis.process?.nextTick === 'function'
    ? globalThis.process.nextTick(fn)
    : queueMicrotask(fn)

function onRejection(emitter, error, type, args) {
  if (typeof emitter[captureRejectionSymbol] === 'function') {
    emitter[captureRejectionSymbol](error, type, ...args)
    return
  }
  // The listeners of `error` could reject, too.
  const previous = emitter[kCapture]
  try {
    emitter[kCapture] = false
    emitter.emit('error', error)
  } finally {
    emitter[kCapture] = previous
  }
}

EventEmitter.prototype.emit = function emit(type, ...args) {
  const events = this._events
  if (type === 'error') {
    if (events?.[errorMonitor] !== undefined) this.emit(errorMonitor, ...args)
    if (events?.error === undefined) throw unhandled(args)
  }
  const handler = events?.[type]
  if (handler === undefined) return false
  if (typeof handler === 'function') {
    const result = handler.apply(this, args)
    if (this[kCapture]) watch(this, result, type, args)
    return true
  }
  for (const listener of [...handler]) {
    const result = listener.apply(this, args)
    if (this[kCapture]) watch(this, result, type, args)
  }
  return true
}

function warnOfLeak(emitter, existing, type) {
  existing.warned = true
  const name = emitter.constructor?.name || 'EventEmitter'
  const warning = new Error(
    `Possible EventEmitter memory leak detected. ${existing.length} ${String(type)} listeners added to [${name}]. MaxListeners is ${maxOf(emitter)}. Use emitter.setMaxListeners() to increase limit`,
  )
  warning.name = 'MaxListenersExceededWarning'
  warning.emitter = emitter
  warning.type = type
  warning.count = existing.length
  emitWarning(warning)
}

function add(emitter, type, listener, prepend) {
  checkListener(listener)
  let events = emitter._events
  if (events === undefined) {
    events = emitter._events = { __proto__: null }
    emitter._eventsCount = 0
  } else if (events.newListener !== undefined) {
    emitter.emit('newListener', type, listener.listener ?? listener)
    // A listener may have replaced them.
    events = emitter._events
  }
  let existing = events[type]
  if (existing === undefined) {
    events[type] = listener
    emitter._eventsCount++
    return emitter
  }
  if (typeof existing === 'function') {
    existing = events[type] = prepend ? [listener, existing] : [existing, listener]
  } else if (prepend) {
    existing.unshift(listener)
  } else {
    existing.push(listener)
  }
  const max = maxOf(emitter)
  if (max > 0 && existing.length > max && !existing.warned) warnOfLeak(emitter, existing, type)
  return emitter
}

function onceWrapper(emitter, type, listener) {
  const state = { fired: false }
  const wrapped = (...args) => {
    if (state.fired) return undefined
    emitter.removeListener(type, wrapped)
    state.fired = true
    return listener.apply(emitter, args)
  }
  wrapped.listener = listener
  return wrapped
}

EventEmitter.prototype.addListener = function addListener(type, listener) {
  return add(this, type, listener, false)
}
EventEmitter.prototype.on = EventEmitter.prototype.addListener

EventEmitter.prototype.prependListener = function prependListener(type, listener) {
  return add(this, type, listener, true)
}

EventEmitter.prototype.once = function once(type, listener) {
  checkListener(listener)
  return this.on(type, onceWrapper(this, type, listener))
}

EventEmitter.prototype.prependOnceListener = function prependOnceListener(type, listener) {
  checkListener(listener)
  return this.prependListener(type, onceWrapper(this, type, listener))
}

function drop(emitter, type) {
  emitter._eventsCount--
  if (emitter._eventsCount === 0) emitter._events = { __proto__: null }
  else delete emitter._events[type]
}

EventEmitter.prototype.removeListener = function removeListener(type, listener) {
  checkListener(listener)
  const events = this._events
  const list = events?.[type]
  if (list === undefined) return this
  if (typeof list === 'function') {
    if (list !== listener && list.listener !== listener) return this
    drop(this, type)
    if (events.removeListener) this.emit('removeListener', type, list.listener ?? listener)
    return this
  }
  const at = list.findLastIndex((one) => one === listener || one.listener === listener)
  if (at === -1) return this
  list.splice(at, 1)
  if (list.length === 1) events[type] = list[0]
  if (events.removeListener !== undefined) this.emit('removeListener', type, listener)
  return this
}
EventEmitter.prototype.off = EventEmitter.prototype.removeListener

EventEmitter.prototype.removeAllListeners = function removeAllListeners(...types) {
  const [type] = types
  const events = this._events
  if (events === undefined) return this
  if (events.removeListener === undefined) {
    if (types.length === 0) {
      this._events = { __proto__: null }
      this._eventsCount = 0
    } else if (events[type] !== undefined) {
      drop(this, type)
    }
    return this
  }
  if (types.length === 0) {
    for (const key of Reflect.ownKeys(events)) {
      if (key !== 'removeListener') this.removeAllListeners(key)
    }
    this.removeAllListeners('removeListener')
    this._events = { __proto__: null }
    this._eventsCount = 0
    return this
  }
  const listeners = events[type]
  if (typeof listeners === 'function') this.removeListener(type, listeners)
  else for (const one of [...(listeners ?? [])].reverse()) this.removeListener(type, one)
  return this
}

function listenersOf(emitter, type) {
  const list = emitter._events?.[type]
  if (list === undefined) return []
  return typeof list === 'function' ? [list] : [...list]
}

EventEmitter.prototype.listeners = function listeners(type) {
  return listenersOf(this, type).map((one) => one.listener ?? one)
}

EventEmitter.prototype.rawListeners = function rawListeners(type) {
  return listenersOf(this, type)
}

EventEmitter.prototype.listenerCount = function listenerCount(type, listener) {
  const list = listenersOf(this, type)
  if (listener === undefined || listener === null) return list.length
  return list.filter((one) => one === listener || one.listener === listener).length
}

EventEmitter.prototype.eventNames = function eventNames() {
  return this._eventsCount > 0 ? Reflect.ownKeys(this._events) : []
}

EventEmitter.prototype.setMaxListeners = function setMaxListeners(count) {
  validateNumber(count, 'setMaxListeners', 0)
  this._maxListeners = count
  return this
}

EventEmitter.prototype.getMaxListeners = function getMaxListeners() {
  return maxOf(this)
}

export function setMaxListeners(count = defaultMaxListeners, ...targets) {
  validateNumber(count, 'setMaxListeners', 0)
  if (targets.length === 0) {
    defaultMaxListeners = count
    return
  }
  for (const target of targets) {
    if (target instanceof EventTarget) targetLimits.set(target, count)
    else if (typeof target?.setMaxListeners === 'function') target.setMaxListeners(count)
    else throw invalidArgType('eventTargets', ['EventEmitter', 'EventTarget'], target)
  }
}

/** What programs set for event targets, which have no such limit here. */
const targetLimits = new WeakMap()

export function getMaxListeners(target) {
  if (typeof target?.getMaxListeners === 'function') return maxOf(target)
  if (target instanceof EventTarget) {
    return targetLimits.get(target) ?? (target instanceof AbortSignal ? 0 : defaultMaxListeners)
  }
  throw invalidArgType('emitter', ['EventEmitter', 'EventTarget'], target)
}

/** Calls a listener when a signal aborts, also if a listener before it stops the event. */
export function addAbortListener(signal, listener) {
  if (signal === undefined) throw invalidArgType('signal', 'AbortSignal', signal)
  validateAbortSignal(signal, 'signal')
  validateFunction(listener, 'listener')
  let remove
  if (signal.aborted) {
    queueMicrotask(() => listener())
  } else {
    signal.addEventListener('abort', listener, { once: true })
    remove = () => signal.removeEventListener('abort', listener)
  }
  return {
    __proto__: null,
    [Symbol.dispose]() {
      remove?.()
    },
  }
}
