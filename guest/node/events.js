/** node:events: https://nodejs.org/api/events.html */
import { AsyncResource } from 'node:async_hooks'
import {
  addAbortListener,
  captureRejectionSymbol,
  EventEmitter,
  errorMonitor,
  getMaxListeners,
  setMaxListeners,
} from './events/emitter.js'
import { getEventListeners, on, once } from './events/wait.js'

/** An emitter whose listeners run in the async context in which it was made. */
class EventEmitterAsyncResource extends EventEmitter {
  #resource

  constructor(options = undefined) {
    super(typeof options === 'string' ? undefined : options)
    const name = typeof options === 'string' ? options : options?.name
    this.#resource = new AsyncResource(name ?? new.target.name)
  }

  emit(type, ...args) {
    return this.#resource.runInAsyncScope(super.emit, this, type, ...args)
  }

  emitDestroy() {
    this.#resource.emitDestroy()
  }

  get asyncResource() {
    return this.#resource
  }
}

export function listenerCount(emitter, type) {
  return typeof emitter.listenerCount === 'function'
    ? emitter.listenerCount(type)
    : getEventListeners(emitter, type).length
}

export const { init, usingDomains } = EventEmitter

export {
  addAbortListener,
  captureRejectionSymbol,
  EventEmitter,
  EventEmitterAsyncResource,
  errorMonitor,
  getEventListeners,
  getMaxListeners,
  on,
  once,
  setMaxListeners,
}

export default Object.assign(EventEmitter, {
  EventEmitter,
  EventEmitterAsyncResource,
  addAbortListener,
  getEventListeners,
  getMaxListeners,
  listenerCount,
  on,
  once,
  setMaxListeners,
})
