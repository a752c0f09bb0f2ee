/** Reads from /proc what a process uses, for runtimes that the kernel alone can measure. */
import { readFileSync } from 'node:fs'

/** Linux tells CPU time in these on every architecture (USER_HZ is part of its ABI). */
const MS_PER_TICK = 10
/** A worker without work is looked at only every so many times. */
const IDLE_TURNS = 10
const WATCH_INTERVAL_MS = 100

export interface ProcessUse {
  /** Memory that is the process's own: what it maps of files is not counted. */
  residentBytes: number
  cpuMs: number
}

/** Undefined where there is no such process any more. */
export function readProcessUse(pid: number): ProcessUse | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold anything: the fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[11]) + Number(fields[12])
    const kilobytes = kilobytesOf(status, 'RssAnon') + kilobytesOf(status, 'RssShmem')
    return { residentBytes: kilobytes * 1024, cpuMs: ticks * MS_PER_TICK }
  } catch {
    return undefined
  }
}

export interface WatchedProcess {
  readonly pid: number | undefined
  readonly inFlight: number
  used(use: ProcessUse): void
}

/** One timer for all processes that are watched so; it runs while there is one. */
export class ProcessWatch {
  readonly #watched = new Set<WatchedProcess>()
  #timer: ReturnType<typeof setInterval> | undefined
  #turn = 0

  add(watched: WatchedProcess): void {
    this.#watched.add(watched)
    this.#timer ??= setInterval(() => this.#look(), WATCH_INTERVAL_MS)
  }

  delete(watched: WatchedProcess): void {
    this.#watched.delete(watched)
    if (this.#watched.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    this.#turn++
    for (const watched of this.#watched) {
      const { pid } = watched
      if (pid === undefined) continue
      if (watched.inFlight === 0 && this.#turn % IDLE_TURNS !== 0) continue
      const use = readProcessUse(pid)
      if (use !== undefined) watched.used(use)
    }
  }
}

function kilobytesOf(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0)
}
