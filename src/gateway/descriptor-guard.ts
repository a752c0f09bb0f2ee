/**
 * Keeps the service working when it runs out of file descriptors.
 *
 * At the limit Bun's server fails to accept, sees at once that a connection still waits, and tries again: it takes a
 * whole CPU, and every other use of a descriptor fails too. So this guard keeps some descriptors in reserve. When
 * the others are used up, it pauses the listener and frees the reserve: the open connections get their responses and
 * workers can start, while new connections wait in the queue of the socket. When enough descriptors are free again,
 * it takes the reserve back and resumes.
 *
 * Bun reports no connection before its first request, so the guard looks from time to time.
 */
import { closeSync, openSync, readdirSync, statSync } from 'node:fs'
import type { Clock } from '../lib/clock.ts'
import type { Fields } from '../telemetry/service-log.ts'

/** Descriptors in reserve; fewer where the limit is low. */
const MAX_RESERVE = 256
/** Part of the limit that the reserve takes at most. */
const RESERVE_SHARE = 8
/** Descriptors left when the guard acts, so that it mostly does before Bun fails. */
const LAST = 8
/** Interval of looks while less than half of the descriptors are used, ms; the listener may fail this long. */
const CALM_MS = 1_000
/** Interval of looks otherwise, ms. */
const BUSY_MS = 100
/** While the listener rests, descriptors are counted, which takes longer. */
const RESTING_MS = 500
/** The log has one line in this time, however often the listener rests, ms. */
const LOG_INTERVAL_MS = 60_000

export interface DescriptorGuardOptions {
  /** Open files that the process may have: RLIMIT_NOFILE. */
  limit: number
  listener: { pause(): void; resume(): void }
  clock: Clock
  warn(message: string, fields: Fields): void
}

export class DescriptorGuard {
  readonly #options: DescriptorGuardOptions
  readonly #reserveSize: number
  #reserve: number[] = []
  #resting = false
  #loggedAt = Number.NEGATIVE_INFINITY
  #stopTimer: (() => void) | undefined

  constructor(options: DescriptorGuardOptions) {
    this.#options = options
    this.#reserveSize = Math.min(MAX_RESERVE, Math.floor(options.limit / RESERVE_SHARE))
  }

  /** The listener accepts nothing, because there are no descriptors. */
  get resting(): boolean {
    return this.#resting
  }

  /** Begins, or begins again after `close`. The listener must accept. */
  start(): void {
    this.#resting = false
    this.#fillReserve()
    this.#look()
  }

  /** Frees the reserve and leaves the listener as it is. */
  close(): void {
    this.#stopTimer?.()
    this.#freeReserve()
  }

  readonly #look = (): void => {
    this.#stopTimer = this.#options.clock.after(this.#next(), this.#look)
  }

  /** @returns the time until the next look, ms */
  #next(): number {
    const { limit } = this.#options
    if (this.#resting) {
      const used = openDescriptors()
      // Without a distance the listener would rest again at once.
      if (used === undefined || used > limit - 2 * this.#reserveSize) {
        this.#log()
        return RESTING_MS
      }
      this.#resume()
    }
    const lowest = lowestFree()
    if (lowest !== undefined && lowest < limit - LAST) return lowest < limit / 2 ? CALM_MS : BUSY_MS
    this.#rest()
    return RESTING_MS
  }

  #rest(): void {
    this.#resting = true
    this.#options.listener.pause()
    this.#freeReserve()
    this.#log()
  }

  #resume(): void {
    this.#fillReserve()
    this.#options.listener.resume()
    this.#resting = false
  }

  #log(): void {
    const now = this.#options.clock.now()
    if (now - this.#loggedAt < LOG_INTERVAL_MS) return
    this.#loggedAt = now
    this.#options.warn(
      'no file descriptors are left: new connections wait until others close. Raise the limit of open files (ulimit -n, LimitNOFILE), or have the proxy keep fewer connections open',
      { limit: this.#options.limit },
    )
  }

  #fillReserve(): void {
    while (this.#reserve.length < this.#reserveSize) {
      const fd = open()
      if (fd === undefined) return
      this.#reserve.push(fd)
    }
  }

  #freeReserve(): void {
    for (const fd of this.#reserve.splice(0)) closeSync(fd)
  }
}

/** The kernel gives out the lowest free number, so at least as many are in use. Undefined if there is none. */
function lowestFree(): number | undefined {
  const fd = open()
  if (fd !== undefined) closeSync(fd)
  return fd
}

/** Undefined at the limit of the process, or of the machine. */
function open(): number | undefined {
  try {
    return openSync('/dev/null', 'r')
  } catch {
    return undefined
  }
}

/** Undefined if there is no descriptor to count them with. */
function openDescriptors(): number | undefined {
  // Since Linux 6.2 the size of this directory is their number.
  const { size } = statSync('/proc/self/fd')
  if (size > 0) return size
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}
