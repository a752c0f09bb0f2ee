/** Sends what tenant code prints, and errors that it does not catch, to the log of its invocation. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { formatWithOptions, inspect } from 'node:util'
import type { Channel } from '../../src/worker/protocol/channel.ts'
import { encodeLine } from '../../src/worker/protocol/encode.ts'
import { MAX_LOG_MESSAGE } from '../../src/worker/protocol/limits.ts'
import type { LogLevel } from '../../src/worker/worker.ts'
import { DEPTH, describeError, errorText, withoutRunner } from './errors.ts'

/** Carries the running invocation through promises, timers and callbacks. */
export const current = new AsyncLocalStorage<{ readonly id: number }>()

/** Finds the invocation of an error that was thrown outside of an async context. */
export interface Running {
  /** The only invocation that runs or has just ended; undefined if there are several or none. */
  readonly only: { readonly id: number } | undefined
}

/** Maximum bytes that the host has not read; beyond it, log lines are dropped and counted. */
const MAX_QUEUED = 1024 * 1024
/** Time between two looks whether the host has caught up. */
const REPORT_MS = 10

/** Lines dropped since the last report. */
let dropped = 0

export function sendLog(channel: Channel, level: LogLevel, text: string, id?: number): void {
  if (channel.pendingBytes > MAX_QUEUED) {
    if (dropped === 0) setTimeout(reportWhenDrained, REPORT_MS, channel)
    dropped++
    return
  }
  const message = text.length > MAX_LOG_MESSAGE ? `${text.slice(0, MAX_LOG_MESSAGE)}…` : text
  channel.sendLine(encodeLine({ type: 'log', ...(id !== undefined && { id }), level, message }))
}

/** Tells the host how many lines were dropped. */
export function reportDropped(channel: Channel): void {
  if (dropped === 0) return
  channel.sendLine(encodeLine({ type: 'logs-dropped', count: dropped }))
  dropped = 0
}

function reportWhenDrained(channel: Channel): void {
  if (channel.pendingBytes <= MAX_QUEUED) reportDropped(channel)
  else setTimeout(reportWhenDrained, REPORT_MS, channel)
}

/** Redirects `console`, `process.stdout` and `process.stderr`. */
export function captureConsole(channel: Channel): void {
  const log = (level: LogLevel, text: string) => {
    sendLog(channel, level, text, current.getStore()?.id)
  }
  const at = (level: LogLevel) => {
    return (...args: unknown[]) =>
      log(level, withoutRunner(formatWithOptions({ depth: DEPTH }, ...args)))
  }
  const lines = (level: LogLevel) => {
    return new Writable({
      decodeStrings: false,
      write(chunk, _encoding, done) {
        log(level, String(chunk).replace(/\n$/, ''))
        done()
      },
    })
  }
  // Bun's Console makes tables, counters and groups, and prints them to these streams.
  const rest = new Console({ stdout: lines('info'), stderr: lines('error') })
  Object.assign(console, rest, {
    debug: at('debug'),
    log: at('info'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    trace: (...args: unknown[]) => {
      const { stack } = new Error(formatWithOptions({}, ...args))
      log('debug', withoutRunner(String(stack).replace(/^Error/, 'Trace')))
    },
    dir: (value: unknown, options?: object) => log('info', inspect(value, options)),
  })
  redirect(process.stdout, lines('info'))
  redirect(process.stderr, lines('error'))
}

/** Logs errors that were not caught. The worker keeps running. */
export function captureFailures(channel: Channel, running: Running): void {
  const report = (what: string, thrown: unknown) => {
    // Bun reports a rejection outside of its async context, at the end of a turn. If one invocation ran, it is its.
    const run = current.getStore() ?? running.only
    const error = describeError(thrown)
    sendLog(channel, 'error', `${what}: ${errorText(error)}`, run?.id)
  }
  process.on('unhandledRejection', (reason) => report('Unhandled rejection', reason))
  process.on('uncaughtException', (error) => report('Uncaught exception', error))
}

function redirect(stream: NodeJS.WriteStream, target: Writable): void {
  stream.write = ((chunk: unknown, encoding?: unknown, done?: unknown) => {
    const callback = typeof encoding === 'function' ? encoding : done
    return target.write(chunk as string, () => {
      if (typeof callback === 'function') callback()
    })
  }) as typeof stream.write
}
