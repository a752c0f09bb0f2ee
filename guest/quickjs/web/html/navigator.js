// navigator.userAgent: https://html.spec.whatwg.org/#client-identification

import { defineInterface } from '../idl/idl.js'
import { ObjectDefineProperty, primordialGlobals } from '../idl/primordials.js'

const { TypeError } = primordialGlobals
const token = {}

class Navigator {
  #agent

  constructor() {
    if (arguments[0] !== token) throw new TypeError('Illegal constructor')
    this.#agent = 'Functions/1.0'
  }
  get userAgent() {
    return this.#agent
  }
}
defineInterface(Navigator)

ObjectDefineProperty(globalThis, 'navigator', {
  __proto__: null,
  value: new Navigator(token),
  writable: true,
  enumerable: true,
  configurable: true,
})
