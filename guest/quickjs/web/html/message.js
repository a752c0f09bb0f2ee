// MessageChannel and MessagePort: https://html.spec.whatwg.org/#message-channels

import { defineHandler, dispatchTrusted, EventTarget, fire } from '../events/events.js'
import { defineInterface, isObject, needArguments, toDictionary } from '../idl/idl.js'
import { registerPorts } from '../idl/lazy-hooks.js'
import {
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  primordialGlobals,
  SymbolIterator,
} from '../idl/primordials.js'
import { refuse } from './clone.js'
import { MessageEvent } from './message-event.js'
import { cloneWithTransfer, readObjects } from './transfer.js'

const { setTimeout, TypeError } = primordialGlobals

const token = {}
let isPort
/** The end of a channel that a port holds; null when it was transferred or closed. */
let endOf
let setEnd

/**
 * One end of a channel. It moves from port to port when ports are transferred. Messages wait in it
 * until its port is started.
 */
function newEnd() {
  return { __proto__: null, other: null, port: null, started: false, queue: [] }
}

/** Runs as its own task, in the async context of the sender. */
function schedule(end, message) {
  setTimeout(() => {
    if (end.port === null) return
    if (end.started) deliver(end.port, message)
    else ArrayPrototypePush(end.queue, message)
  }, 0)
}

function deliver(port, { data, ports }) {
  dispatchTrusted(
    port,
    new MessageEvent('message', { __proto__: null, data, ports: listed(ports) }),
  )
}

/** An array as a sequence, without the iterator that a script may have replaced. */
function listed(array) {
  let at = 0
  const next = () =>
    at < array.length
      ? { __proto__: null, done: false, value: array[at++] }
      : { __proto__: null, done: true }
  return { __proto__: null, [SymbolIterator]: () => ({ __proto__: null, next }) }
}

function start(end) {
  if (end === null || end.started) return
  end.started = true
  const { queue } = end
  end.queue = []
  for (let i = 0; i < queue.length; i++) schedule(end, queue[i])
}

function close(port) {
  const end = endOf(port)
  if (end === null) return
  setEnd(port, null)
  const { other } = end
  end.port = end.other = null
  end.queue = []
  if (other === null) return
  other.other = null
  setTimeout(() => {
    if (other.port !== null) fire(other.port, 'close')
  }, 0)
}

/** postMessage(message, transfer) or postMessage(message, { transfer }). */
function readTransfer(value) {
  if (value === undefined || value === null) return []
  if (!isObject(value))
    throw new TypeError('MessagePort.postMessage: the options are not an object')
  const what = 'MessagePort.postMessage: transfer'
  if (value[SymbolIterator] !== undefined && value[SymbolIterator] !== null) {
    return readObjects(value, what)
  }
  const { transfer } = toDictionary(value, 'MessagePort.postMessage: the options')
  return transfer === undefined ? [] : readObjects(transfer, what)
}

function post(port, value, list) {
  if (ArrayPrototypeIncludes(list, port)) throw refuse('the port that sends the message')
  const other = endOf(port)?.other ?? null
  // A port that is sent through itself takes the message with it.
  const doomed = other !== null && ArrayPrototypeIncludes(list, other.port)
  const message = cloneWithTransfer(value, list)
  if (other === null || doomed) return
  const ports = []
  for (let i = 0; i < message.transferred.length; i++) {
    if (isPort(message.transferred[i])) ArrayPrototypePush(ports, message.transferred[i])
  }
  const sent = { __proto__: null, data: message.value, ports }
  if (other.started) schedule(other, sent)
  else ArrayPrototypePush(other.queue, sent)
}

export class MessagePort extends EventTarget {
  #end = null

  constructor() {
    if (arguments[0] !== token) throw new TypeError('Illegal constructor')
    super()
  }

  static {
    isPort = (value) => isObject(value) && #end in value
    endOf = (port) => port.#end
    setEnd = (port, end) => {
      port.#end = end
    }
  }

  postMessage(message, options = undefined) {
    this.#end
    needArguments('MessagePort.postMessage', arguments.length, 1)
    post(this, message, readTransfer(options))
  }
  start() {
    start(this.#end)
  }
  close() {
    this.#end
    close(this)
  }
}
defineHandler(MessagePort.prototype, 'message', {
  __proto__: null,
  added: (port) => start(endOf(port)),
})
defineHandler(MessagePort.prototype, 'messageerror')
defineHandler(MessagePort.prototype, 'close')
defineInterface(MessagePort, { __proto__: null, global: false })

function newPort(end) {
  const port = new MessagePort(token)
  setEnd(port, end)
  if (end !== null) end.port = port
  return port
}

export class MessageChannel {
  #port1
  #port2

  constructor() {
    const first = newEnd()
    const second = newEnd()
    first.other = second
    second.other = first
    this.#port1 = newPort(first)
    this.#port2 = newPort(second)
  }
  get port1() {
    return this.#port1
  }
  get port2() {
    return this.#port2
  }
}
defineInterface(MessageChannel, { __proto__: null, global: false })

/** The new port takes the end of the channel with its waiting messages, and is not started. */
function transferOf(port) {
  if (!isPort(port)) return undefined
  const to = newPort(null)
  return {
    __proto__: null,
    from: port,
    to,
    check() {
      if (endOf(port) === null) throw refuse('a port that was closed or transferred')
    },
    commit() {
      const end = endOf(port)
      setEnd(port, null)
      setEnd(to, end)
      end.port = to
      end.started = false
    },
  }
}

registerPorts(isPort, transferOf)
