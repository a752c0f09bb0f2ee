import EventEmitter from '@jspm/core/nodelibs/events'

export * from '@jspm/core/nodelibs/events'

export const errorMonitor = Symbol('events.errorMonitor')
export const captureRejectionSymbol = Symbol.for('nodejs.rejection')

const { emit } = EventEmitter.prototype
// A listener that only monitors errors does not count as one that handles them.
EventEmitter.prototype.emit = function (type, ...args) {
  if (type === 'error' && this.listenerCount(errorMonitor) > 0) {
    emit.call(this, errorMonitor, ...args)
  }
  return emit.call(this, type, ...args)
}

export function getEventListeners(emitter, type) {
  return emitter.listeners(type)
}

export function setMaxListeners(count = EventEmitter.defaultMaxListeners, ...emitters) {
  if (emitters.length === 0) {
    EventEmitter.defaultMaxListeners = count
  }
  for (const emitter of emitters) {
    emitter.setMaxListeners?.(count)
  }
}

export function getMaxListeners(emitter) {
  return emitter.getMaxListeners?.() ?? EventEmitter.defaultMaxListeners
}

export default Object.assign(EventEmitter, {
  errorMonitor,
  captureRejectionSymbol,
  getEventListeners,
  setMaxListeners,
  getMaxListeners,
})
