/**
 * The parts of `process` that packages use. It does not claim to be Node, so that a package uses its
 * code for the Web if it has any.
 */

import { env as given } from 'fn:worker'
import { EventEmitter } from 'node:events'
import { validateFunction } from './internal/validate.ts'

/** A copy, because packages write to it and the function's `env` must not change. Values become strings. */
export const env: Record<string, string> = new Proxy(
  { ...given },
  { set: (target, name, value) => Reflect.set(target, name, `${value}`) },
)
export const argv: string[] = ['functions']
export const argv0 = 'functions'
export const execArgv: string[] = []
export const execPath = '/functions'
export const title = 'functions'
/** Packages compare it to find out what Node's modules have; the modules here have what Node 22 has. */
export const version = 'v22.0.0'
export const versions: Record<string, string> = {}
export const platform = 'linux'
export const arch = ''
export const pid = 1
export const ppid = 0
export const release = { name: 'functions' }
export const features = {}
export const config = {}

export function nextTick<A extends unknown[]>(fn: (...args: A) => void, ...args: A): void {
  validateFunction(fn, 'callback')
  queueMicrotask(() => fn(...args))
}

export function cwd(): string {
  return '/'
}

export function hrtime(since: [number, number] = [0, 0]): [number, number] {
  const ns = Number(hrtime.bigint() - (BigInt(since[0]) * 1_000_000_000n + BigInt(since[1])))
  return [Math.floor(ns / 1e9), ns % 1e9]
}

hrtime.bigint = (): bigint => BigInt(Math.round(performance.now() * 1e6))

export function uptime(): number {
  return performance.now() / 1000
}

interface WarningOptions {
  type?: string
  code?: string
  detail?: string
}

/** Emits `warning`, and writes to the log what nobody listens for. */
export function emitWarning(
  given: string | Error,
  options: string | WarningOptions = {},
  code?: string,
): void {
  const { type = 'Warning', ...rest } =
    typeof options === 'string' ? { type: options, ...(code !== undefined && { code }) } : options
  const warning =
    typeof given === 'string' ? Object.assign(new Error(given), { name: type }, rest) : given
  nextTick(() => {
    if (!emitter.emit('warning', warning)) console.warn(`${warning.name}: ${warning.message}`)
  })
}

export function exit(): never {
  throw new Error('process.exit: a function cannot end its worker')
}

/** Writes text to the function's log, line by line. */
function writer(log: (line: string) => void) {
  return {
    isTTY: false,
    fd: -1,
    write(text: unknown): boolean {
      log(String(text).replace(/\n$/, ''))
      return true
    },
  }
}

export const stdout = writer((line) => console.log(line))
export const stderr = writer((line) => console.error(line))

const emitter = new EventEmitter()

/** A method of the emitter that returns `process`. */
function chained(name: keyof EventEmitter): (...args: unknown[]) => object {
  return (...args) => {
    Reflect.apply(emitter[name] as () => unknown, emitter, args)
    return process
  }
}

export const on = chained('on')
export const once = chained('once')
export const off = chained('off')
export const emit = emitter.emit.bind(emitter)
export const addListener = on
export const removeListener = off
export const removeAllListeners = chained('removeAllListeners')
export const listeners = emitter.listeners.bind(emitter)
export const listenerCount = emitter.listenerCount.bind(emitter)
export const prependListener = chained('prependListener')
export const prependOnceListener = chained('prependOnceListener')
export const rawListeners = emitter.rawListeners.bind(emitter)
export const eventNames = emitter.eventNames.bind(emitter)
export const setMaxListeners = chained('setMaxListeners')
export const getMaxListeners = emitter.getMaxListeners.bind(emitter)

const process: object = {
  env,
  argv,
  argv0,
  execArgv,
  execPath,
  title,
  version,
  versions,
  platform,
  arch,
  pid,
  ppid,
  release,
  features,
  config,
  nextTick,
  cwd,
  hrtime,
  uptime,
  emitWarning,
  exit,
  stdout,
  stderr,
  on,
  once,
  off,
  emit,
  addListener,
  removeListener,
  removeAllListeners,
  listeners,
  listenerCount,
  prependListener,
  prependOnceListener,
  rawListeners,
  eventNames,
  setMaxListeners,
  getMaxListeners,
  [Symbol.toStringTag]: 'process',
}

export { process }
export default process
