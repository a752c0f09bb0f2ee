/** setImmediate on the worker's timers: a timeout of 0 ms. */
const { clearInterval, clearTimeout, setInterval, setTimeout } = globalThis

export { clearInterval, clearTimeout, setInterval, setTimeout }

export function setImmediate(callback: (...args: unknown[]) => void, ...args: unknown[]): unknown {
  return setTimeout(callback, 0, ...args)
}

export function clearImmediate(id: unknown): void {
  clearTimeout(id as Timer)
}

export default {
  clearImmediate,
  clearInterval,
  clearTimeout,
  setImmediate,
  setInterval,
  setTimeout,
}
