// QuotaExceededError: https://webidl.spec.whatwg.org/#quotaexceedederror

import { defineInterface, toDictionary } from './idl.js'
import { primordialGlobals } from './primordials.js'

const { DOMException, RangeError, TypeError } = primordialGlobals

function toDouble(value, what) {
  if (value === undefined) return null
  const number = +value
  if (!(number > -Infinity && number < Infinity)) throw new TypeError(`${what} is not finite`)
  if (number < 0) throw new RangeError(`${what} is negative`)
  return number
}

export class QuotaExceededError extends DOMException {
  #quota
  #requested

  constructor(message = '', options = undefined) {
    const text = `${message}`
    const init = toDictionary(options, 'QuotaExceededError: the second argument')
    const quota = toDouble(init.quota, 'quota')
    const requested = toDouble(init.requested, 'requested')
    if (quota !== null && requested !== null && requested < quota) {
      throw new RangeError('requested is less than quota')
    }
    super(text, 'QuotaExceededError')
    this.#quota = quota
    this.#requested = requested
  }

  get quota() {
    return this.#quota
  }
  get requested() {
    return this.#requested
  }
}
defineInterface(QuotaExceededError, { global: false })

/** For C, which throws it. */
export const quotaError = (message) => new QuotaExceededError(message)
