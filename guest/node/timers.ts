/** node:timers on the worker's timers, whose objects have less: these check and count as Node's do. */

import promises, { setImmediate as immediateLater, setTimeout as later } from 'node:timers/promises'
import { validateFunction } from './internal/validate.ts'

type Callback = (...args: unknown[]) => void
type NativeTimer = ReturnType<typeof globalThis.setTimeout>

const native = {
  clearInterval: globalThis.clearInterval,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  setTimeout: globalThis.setTimeout,
}

/** The longest delay, ms. A longer one counts as 1 ms, as in Node. */
const MAX_DELAY_MS = 2 ** 31 - 1

function delayOf(after: unknown): number {
  const delay = Number(after)
  return delay >= 1 && delay <= MAX_DELAY_MS ? Math.trunc(delay) : 1
}

export class Timeout {
  _idleTimeout: number
  _onTimeout: Callback | null
  _repeat: number | null
  _destroyed = false
  readonly #args: unknown[]
  #timer!: NativeTimer
  #counts = true

  constructor(callback: Callback, after: unknown, args: unknown[], repeat: boolean) {
    validateFunction(callback, 'callback')
    this._idleTimeout = delayOf(after)
    this._onTimeout = callback
    this._repeat = repeat ? this._idleTimeout : null
    this.#args = args
    this.#start()
  }

  #start(): void {
    const set = this._repeat === null ? native.setTimeout : native.setInterval
    this.#timer = set(() => this.#run(), this._idleTimeout)
  }

  #run(): void {
    const callback = this._onTimeout
    if (this._repeat === null) this._destroyed = true
    if (callback !== null) Reflect.apply(callback, this, this.#args)
  }

  /** Starts the time again. A timer that has fired fires once more. */
  refresh(): this {
    if (this._onTimeout !== null) {
      native.clearTimeout(this.#timer)
      this._destroyed = false
      this.#start()
    }
    return this
  }

  close(): this {
    native.clearTimeout(this.#timer)
    this._destroyed = true
    this._onTimeout = null
    return this
  }

  ref(): this {
    this.#counts = true
    return this
  }

  /** A worker does not end while timers are set, and does not stay for them: this changes nothing. */
  unref(): this {
    this.#counts = false
    return this
  }

  hasRef(): boolean {
    return this.#counts
  }

  [Symbol.toPrimitive](): number {
    return Number(this.#timer)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

export class Immediate {
  _onImmediate: Callback | null
  _destroyed = false
  readonly #timer: NativeTimer
  #counts = true

  constructor(callback: Callback, args: unknown[]) {
    validateFunction(callback, 'callback')
    this._onImmediate = callback
    this.#timer = native.setTimeout(() => {
      const run = this._onImmediate
      this._destroyed = true
      this._onImmediate = null
      if (run !== null) Reflect.apply(run, this, args)
    }, 0)
  }

  close(): void {
    native.clearTimeout(this.#timer)
    this._destroyed = true
    this._onImmediate = null
  }

  ref(): this {
    this.#counts = true
    return this
  }

  unref(): this {
    this.#counts = false
    return this
  }

  hasRef(): boolean {
    return this.#counts
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

export function setTimeout(callback: Callback, after?: unknown, ...args: unknown[]): Timeout {
  return new Timeout(callback, after, args, false)
}

export function setInterval(callback: Callback, after?: unknown, ...args: unknown[]): Timeout {
  return new Timeout(callback, after, args, true)
}

export function setImmediate(callback: Callback, ...args: unknown[]): Immediate {
  return new Immediate(callback, args)
}

/** Takes what `setTimeout` gave, here or globally. */
export function clearTimeout(timer: unknown): void {
  if (timer instanceof Timeout || timer instanceof Immediate) timer.close()
  else if (['number', 'string', 'object'].includes(typeof timer)) {
    native.clearTimeout(timer as NativeTimer)
  }
}

export const clearInterval = clearTimeout

export function clearImmediate(immediate: unknown): void {
  if (immediate instanceof Immediate) immediate.close()
}

/** For `util.promisify`. */
const custom = Symbol.for('nodejs.util.promisify.custom')
Object.defineProperty(setTimeout, custom, { value: later })
Object.defineProperty(setImmediate, custom, { value: immediateLater })

export { promises }

export default {
  clearImmediate,
  clearInterval,
  clearTimeout,
  promises,
  setImmediate,
  setInterval,
  setTimeout,
}
