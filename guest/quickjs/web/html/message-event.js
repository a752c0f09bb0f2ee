// MessageEvent: https://html.spec.whatwg.org/#messageevent

import { Event, initialize, stateOf } from '../events/event.js'
import { defineInterface, forEachValue, needArguments, toDictionary } from '../idl/idl.js'
import { isPort } from '../idl/lazy-hooks.js'
import {
  ArrayPrototypePush,
  ObjectFreeze,
  primordialGlobals,
  StringPrototypeToWellFormed,
} from '../idl/primordials.js'

const { TypeError } = primordialGlobals

const toUSVString = (value) => StringPrototypeToWellFormed(`${value}`)

function toSource(value) {
  if (value === null || value === undefined) return null
  // The source may also be a window or a service worker, which do not exist here.
  if (!isPort(value)) throw new TypeError('MessageEvent: the source is not a MessagePort')
  return value
}

function toPorts(value) {
  const ports = []
  forEachValue(value, 'MessageEvent: ports', (port) => {
    if (!isPort(port))
      throw new TypeError('MessageEvent: ports contains a value that is not a MessagePort')
    ArrayPrototypePush(ports, port)
  })
  return ObjectFreeze(ports)
}

export class MessageEvent extends Event {
  #message

  constructor(type, options = undefined) {
    needArguments('MessageEvent', arguments.length, 1)
    super(type, options)
    const init = toDictionary(options, 'MessageEvent: the second argument')
    const { data, lastEventId, origin, ports, source } = init
    this.#message = {
      __proto__: null,
      data: data === undefined ? null : data,
      lastEventId: lastEventId === undefined ? '' : `${lastEventId}`,
      origin: origin === undefined ? '' : toUSVString(origin),
      ports: ports === undefined ? ObjectFreeze([]) : toPorts(ports),
      source: toSource(source),
    }
  }

  get data() {
    return this.#message.data
  }
  get origin() {
    return this.#message.origin
  }
  get lastEventId() {
    return this.#message.lastEventId
  }
  get source() {
    return this.#message.source
  }
  get ports() {
    return this.#message.ports
  }
  initMessageEvent(
    type,
    bubbles = false,
    cancelable = false,
    data = null,
    origin = '',
    lastEventId = '',
    source = null,
    ports = [],
  ) {
    this.#message
    needArguments('MessageEvent.initMessageEvent', arguments.length, 1)
    const name = `${type}`
    const message = {
      __proto__: null,
      data,
      origin: toUSVString(origin),
      lastEventId: `${lastEventId}`,
      source: toSource(source),
      ports: toPorts(ports),
    }
    if (initialize(stateOf(this), name, !!bubbles, !!cancelable)) this.#message = message
  }
}
defineInterface(MessageEvent, { __proto__: null, global: false })
