/** node:timers/promises: timers to await, which an AbortSignal ends. */

import { aborted, invalidArgType } from './internal/errors.ts'
import { validateAbortSignal } from './internal/validate.ts'

const { clearInterval, clearTimeout } = globalThis
const set = globalThis.setTimeout as unknown as (...args: unknown[]) => number
const repeat = globalThis.setInterval as unknown as (...args: unknown[]) => number

interface TimerOptions {
  signal?: AbortSignal | undefined
  ref?: boolean | undefined
}

/** Each option is read once: a getter may give another value the next time. */
function read(delay: unknown, options: TimerOptions | undefined): { signal?: AbortSignal } {
  if (delay !== undefined && typeof delay !== 'number') {
    throw invalidArgType('delay', 'of type number', delay)
  }
  if (options === null || (typeof options !== 'object' && options !== undefined)) {
    throw invalidArgType('options', 'of type object', options)
  }
  const { signal, ref } = options ?? {}
  validateAbortSignal(signal, 'options.signal')
  if (ref !== undefined && typeof ref !== 'boolean') {
    throw invalidArgType('options.ref', 'of type boolean', ref)
  }
  return signal === undefined ? {} : { signal }
}

function after<T>(ms: number | undefined, value: T, signal: AbortSignal | undefined): Promise<T> {
  if (signal?.aborted) return Promise.reject(aborted(signal.reason))
  return new Promise((resolve, reject) => {
    const timer = set(() => {
      signal?.removeEventListener('abort', abort)
      resolve(value)
    }, ms)
    const abort = () => {
      clearTimeout(timer)
      reject(aborted(signal?.reason))
    }
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/** Resolves with `value` after `delay` ms. */
export async function setTimeout<T = void>(
  delay?: number,
  value?: T,
  options?: TimerOptions,
): Promise<T> {
  const { signal } = read(delay, options)
  return await after(Math.max(1, delay ?? 1), value as T, signal)
}

export async function setImmediate<T = void>(value?: T, options?: TimerOptions): Promise<T> {
  const { signal } = read(undefined, options)
  return await after(0, value as T, signal)
}

/** Gives `value` every `delay` ms. A consumer that is late gets what it missed at once. */
export async function* setInterval<T = void>(
  delay?: number,
  value?: T,
  options?: TimerOptions,
): AsyncGenerator<T, void> {
  const { signal } = read(delay, options)
  if (signal?.aborted) throw aborted(signal.reason)
  let missed = 0
  let wake: (() => void) | undefined
  const stir = () => {
    wake?.()
    wake = undefined
  }
  const timer = repeat(() => {
    missed++
    stir()
  }, delay)
  signal?.addEventListener('abort', stir, { once: true })
  try {
    for (;;) {
      if (signal?.aborted) throw aborted(signal.reason)
      if (missed === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      for (; missed > 0; missed--) yield value as T
    }
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', stir)
  }
}

export const scheduler = {
  wait(delay: number, options?: TimerOptions): Promise<void> {
    return setTimeout(delay, undefined, options)
  },
  yield(): Promise<void> {
    return setImmediate()
  },
}

export default { scheduler, setImmediate, setInterval, setTimeout }
