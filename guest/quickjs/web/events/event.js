// Event and CustomEvent: https://dom.spec.whatwg.org/#events

import { now } from 'fn:web'
import {
  defineConstants,
  defineInterface,
  isObject,
  needArguments,
  toDictionary,
} from '../idl/idl.js'
import { ObjectDefineProperty, ObjectGetOwnPropertyDescriptor } from '../idl/primordials.js'

export const PHASES = {
  __proto__: null,
  NONE: 0,
  CAPTURING_PHASE: 1,
  AT_TARGET: 2,
  BUBBLING_PHASE: 3,
}

export let isEvent
/** The state of an Event that scripts cannot reach. */
export let stateOf

export class Event {
  #state

  constructor(type, options = undefined) {
    needArguments('Event', arguments.length, 1)
    const name = `${type}`
    const init = toDictionary(options, 'Event: the second argument')
    const bubbles = !!init.bubbles
    const cancelable = !!init.cancelable
    const composed = !!init.composed
    this.#state = {
      __proto__: null,
      type: name,
      bubbles,
      cancelable,
      composed,
      target: null,
      currentTarget: null,
      phase: 0,
      stopped: false,
      stoppedAtOnce: false,
      canceled: false,
      passive: false,
      dispatching: false,
      trusted: false,
      timeStamp: now(),
    }
    ObjectDefineProperty(this, 'isTrusted', isTrusted)
  }

  static {
    stateOf = (event) => event.#state
    isEvent = (value) => isObject(value) && #state in value
  }

  get type() {
    return this.#state.type
  }
  get target() {
    return this.#state.target
  }
  get srcElement() {
    return this.#state.target
  }
  get currentTarget() {
    return this.#state.currentTarget
  }
  composedPath() {
    const { currentTarget } = this.#state
    return currentTarget === null ? [] : [currentTarget]
  }
  get eventPhase() {
    return this.#state.phase
  }
  stopPropagation() {
    this.#state.stopped = true
  }
  get cancelBubble() {
    return this.#state.stopped
  }
  set cancelBubble(value) {
    const state = this.#state
    if (value) state.stopped = true
  }
  stopImmediatePropagation() {
    const state = this.#state
    state.stopped = true
    state.stoppedAtOnce = true
  }
  get bubbles() {
    return this.#state.bubbles
  }
  get cancelable() {
    return this.#state.cancelable
  }
  get returnValue() {
    return !this.#state.canceled
  }
  set returnValue(value) {
    const state = this.#state
    if (!value) cancel(state)
  }
  preventDefault() {
    cancel(this.#state)
  }
  get defaultPrevented() {
    return this.#state.canceled
  }
  get composed() {
    return this.#state.composed
  }
  get timeStamp() {
    return this.#state.timeStamp
  }
  initEvent(type, bubbles = false, cancelable = false) {
    const state = this.#state
    needArguments('Event.initEvent', arguments.length, 1)
    initialize(state, `${type}`, !!bubbles, !!cancelable)
  }
}

export function cancel(state) {
  if (state.cancelable && !state.passive) state.canceled = true
}

/** False while the event is being dispatched. */
export function initialize(state, type, bubbles, cancelable) {
  if (state.dispatching) return false
  state.stopped = state.stoppedAtOnce = state.canceled = state.trusted = false
  state.target = null
  state.type = type
  state.bubbles = bubbles
  state.cancelable = cancelable
  return true
}

function getterOf(name, object) {
  return ObjectGetOwnPropertyDescriptor(object, name).get
}

/** [LegacyUnforgeable]: an own property of every event, with one getter. */
const isTrusted = {
  __proto__: null,
  get: getterOf('isTrusted', {
    get isTrusted() {
      return stateOf(this).trusted
    },
  }),
  enumerable: true,
  configurable: false,
}

defineConstants(Event, PHASES)
defineInterface(Event)

export class CustomEvent extends Event {
  #detail

  constructor(type, options = undefined) {
    needArguments('CustomEvent', arguments.length, 1)
    super(type, options)
    const detail = options === undefined || options === null ? undefined : options.detail
    this.#detail = detail === undefined ? null : detail
  }
  get detail() {
    return this.#detail
  }
  initCustomEvent(type, bubbles = false, cancelable = false, detail = null) {
    this.#detail
    needArguments('CustomEvent.initCustomEvent', arguments.length, 1)
    if (initialize(stateOf(this), `${type}`, !!bubbles, !!cancelable)) this.#detail = detail
  }
}
defineInterface(CustomEvent)
