/** node:diagnostics_channel: https://nodejs.org/api/diagnostics_channel.html */

import { invalidArgType } from './internal/errors.ts'
import { validateFunction } from './internal/validate.ts'

const channels = new Map()

/** As in Node, an error of a subscriber is not one of the code that publishes. */
function throwLater(error) {
  queueMicrotask(() => {
    throw error
  })
}

export class Channel {
  #subscribers = []
  #stores = new Map()

  constructor(name) {
    this.name = name
  }

  get hasSubscribers() {
    return this.#subscribers.length > 0 || this.#stores.size > 0
  }

  subscribe(onMessage) {
    validateFunction(onMessage, 'subscription')
    // A copy: one that is added while a message is delivered does not get it.
    this.#subscribers = [...this.#subscribers, onMessage]
  }

  unsubscribe(onMessage) {
    const index = this.#subscribers.indexOf(onMessage)
    if (index === -1) return false
    this.#subscribers = this.#subscribers.toSpliced(index, 1)
    return true
  }

  publish(message) {
    for (const onMessage of this.#subscribers) {
      try {
        onMessage(message, this.name)
      } catch (error) {
        throwLater(error)
      }
    }
  }

  bindStore(store, transform) {
    this.#stores.set(store, transform)
  }

  unbindStore(store) {
    return this.#stores.delete(store)
  }

  /** Calls `fn` with `context` published, and in each bound store. */
  runStores(context, fn, thisArg, ...args) {
    let run = () => {
      this.publish(context)
      return Reflect.apply(fn, thisArg, args)
    }
    for (const [store, transform] of this.#stores) run = inStore(store, transform, context, run)
    return run()
  }
}

function inStore(store, transform, context, next) {
  return () => {
    let value = context
    try {
      if (transform !== undefined) value = transform(context)
    } catch (error) {
      throwLater(error)
      return next()
    }
    return store.run(value, next)
  }
}

/** The channel of this name, which is made if there is none. */
export function channel(name) {
  const known = channels.get(name)
  if (known !== undefined) return known
  if (typeof name !== 'string' && typeof name !== 'symbol') {
    throw invalidArgType('channel', ['string', 'symbol'], name)
  }
  const made = new Channel(name)
  channels.set(name, made)
  return made
}

export function subscribe(name, onMessage) {
  channel(name).subscribe(onMessage)
}

export function unsubscribe(name, onMessage) {
  return channel(name).unsubscribe(onMessage)
}

export function hasSubscribers(name) {
  return channels.get(name)?.hasSubscribers ?? false
}

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']

function channelOf(given, event) {
  if (typeof given === 'string') return channel(`tracing:${given}:${event}`)
  if (typeof given !== 'object' || given === null) {
    throw invalidArgType('nameOrChannels', ['string', 'object', 'TracingChannel'], given)
  }
  if (!(given[event] instanceof Channel)) {
    throw invalidArgType(`nameOrChannels.${event}`, ['Channel'], given[event])
  }
  return given[event]
}

class TracingChannel {
  constructor(nameOrChannels) {
    for (const event of EVENTS) {
      Object.defineProperty(this, event, { value: channelOf(nameOrChannels, event) })
    }
  }

  get hasSubscribers() {
    return EVENTS.some((event) => this[event].hasSubscribers)
  }

  subscribe(handlers) {
    for (const event of EVENTS) if (handlers[event]) this[event].subscribe(handlers[event])
  }

  unsubscribe(handlers) {
    const removed = EVENTS.filter((event) => handlers[event]).map((event) =>
      this[event].unsubscribe(handlers[event]),
    )
    return removed.every(Boolean)
  }

  traceSync(fn, context = {}, thisArg, ...args) {
    if (!this.hasSubscribers) return Reflect.apply(fn, thisArg, args)
    return this.#run(context, () => {
      const result = Reflect.apply(fn, thisArg, args)
      context.result = result
      return result
    })
  }

  tracePromise(fn, context = {}, thisArg, ...args) {
    if (!this.hasSubscribers) return Reflect.apply(fn, thisArg, args)
    const settled = () => {
      this.asyncStart.publish(context)
      this.asyncEnd.publish(context)
    }
    const onValue = (result) => {
      context.result = result
      settled()
      return result
    }
    const onError = (error) => {
      context.error = error
      this.error.publish(context)
      settled()
      return Promise.reject(error)
    }
    return this.#run(context, () => {
      const result = Reflect.apply(fn, thisArg, args)
      const promise = result instanceof Promise ? result : Promise.resolve(result)
      return promise.then(onValue, onError)
    })
  }

  /** @param position of the callback in `args`; from the end if it is negative */
  traceCallback(fn, position = -1, context = {}, thisArg, ...args) {
    if (!this.hasSubscribers) return Reflect.apply(fn, thisArg, args)
    const { asyncStart, asyncEnd, error } = this
    const callback = args.at(position)
    validateFunction(callback, 'callback')
    args.splice(position, 1, function (...results) {
      const [failure, result] = results
      if (failure) {
        context.error = failure
        error.publish(context)
      } else {
        context.result = result
      }
      return asyncStart.runStores(context, () => {
        try {
          return Reflect.apply(callback, this, results)
        } finally {
          asyncEnd.publish(context)
        }
      })
    })
    return this.#run(context, () => Reflect.apply(fn, thisArg, args))
  }

  #run(context, work) {
    return this.start.runStores(context, () => {
      try {
        return work()
      } catch (error) {
        context.error = error
        this.error.publish(context)
        throw error
      } finally {
        this.end.publish(context)
      }
    })
  }
}

export function tracingChannel(nameOrChannels) {
  return new TracingChannel(nameOrChannels)
}

export default { Channel, channel, hasSubscribers, subscribe, tracingChannel, unsubscribe }
