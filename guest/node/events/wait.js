/** Waiting for events: `once` and `on`. */
import { AbortError, invalidArgType } from '../internal/errors.ts'
import { validateAbortSignal, validateInteger, validateObject } from '../internal/validate.ts'

const AsyncIteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf(async function* () {}).prototype,
)

function listen(target, type, listener, flags) {
  if (typeof target?.on === 'function') {
    if (flags?.once) target.once(type, listener)
    else target.on(type, listener)
  } else if (typeof target?.addEventListener === 'function') {
    target.addEventListener(type, listener, flags)
  } else {
    throw invalidArgType('emitter', 'EventEmitter', target)
  }
}

function unlisten(target, type, listener) {
  if (typeof target.removeListener === 'function') target.removeListener(type, listener)
  else target.removeEventListener(type, listener)
}

/** The arguments of the next event; rejects on `error`. */
export async function once(emitter, type, options = {}) {
  validateObject(options, 'options')
  const { signal } = options
  validateAbortSignal(signal, 'options.signal')
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason })
  return await new Promise((resolve, reject) => {
    const settle = () => {
      if (typeof emitter.removeListener === 'function') emitter.removeListener('error', onError)
      signal?.removeEventListener('abort', onAbort)
    }
    const onEvent = (...args) => {
      settle()
      resolve(args)
    }
    const onError = (error) => {
      unlisten(emitter, type, onEvent)
      settle()
      reject(error)
    }
    const onAbort = () => {
      unlisten(emitter, type, onEvent)
      settle()
      reject(new AbortError(undefined, { cause: signal.reason }))
    }
    listen(emitter, type, onEvent, { once: true })
    // Event targets have no special event for errors.
    if (type !== 'error' && typeof emitter.once === 'function') emitter.once('error', onError)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Iterates over the arguments of each event, until an error, an abort or an event that closes it. */
export function on(emitter, type, options = {}) {
  validateObject(options, 'options')
  const { signal, close = [] } = options
  validateAbortSignal(signal, 'options.signal')
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason })
  const high = options.highWaterMark ?? options.highWatermark ?? Number.MAX_SAFE_INTEGER
  const low = options.lowWaterMark ?? options.lowWatermark ?? 1
  validateInteger(high, 'options.highWaterMark', 1)
  validateInteger(low, 'options.lowWaterMark', 1)

  const unread = []
  const waiting = []
  let failure
  let finished = false
  let paused = false

  const onEvent = (...args) => {
    if (waiting.length > 0) {
      waiting.shift().resolve({ value: args, done: false })
      return
    }
    unread.push(args)
    if (!paused && unread.length > high) {
      paused = true
      emitter.pause?.()
    }
  }
  const onError = (error) => {
    if (waiting.length > 0) waiting.shift().reject(error)
    else failure = error
    finish()
  }
  const onAbort = () => onError(new AbortError(undefined, { cause: signal.reason }))

  function finish() {
    signal?.removeEventListener('abort', onAbort)
    for (const [name, listener] of listeners) unlisten(emitter, name, listener)
    finished = true
    for (const { resolve } of waiting) resolve({ value: undefined, done: true })
    waiting.length = 0
    return Promise.resolve({ value: undefined, done: true })
  }

  const listeners = [[type, onEvent]]
  if (type !== 'error' && typeof emitter?.on === 'function') listeners.push(['error', onError])
  for (const name of close) listeners.push([name, finish])
  for (const [name, listener] of listeners) listen(emitter, name, listener)
  signal?.addEventListener('abort', onAbort, { once: true })

  return Object.setPrototypeOf(
    {
      next() {
        if (unread.length > 0) {
          const value = unread.shift()
          if (paused && unread.length < low) {
            paused = false
            emitter.resume?.()
          }
          return Promise.resolve({ value, done: false })
        }
        if (failure !== undefined) {
          const rejection = Promise.reject(failure)
          failure = undefined
          return rejection
        }
        if (finished) return finish()
        return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
      },
      return: () => finish(),
      throw(error) {
        if (!(error instanceof Error)) {
          throw invalidArgType('EventEmitter.AsyncIterator', 'Error', error)
        }
        onError(error)
      },
      [Symbol.asyncIterator]() {
        return this
      },
    },
    AsyncIteratorPrototype,
  )
}

/** The listeners of an emitter, or of an event target, which does not tell them. */
export function getEventListeners(target, type) {
  if (typeof target?.listeners === 'function') return target.listeners(type)
  if (target instanceof EventTarget) return []
  throw invalidArgType('emitter', ['EventEmitter', 'EventTarget'], target)
}
