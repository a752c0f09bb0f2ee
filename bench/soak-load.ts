/** A load at a constant rate over keep-alive connections. */
import { withTimeout } from '../src/lib/with-timeout.ts'
import { type Connection, openConnection } from './client.ts'
import type { Job } from './soak-functions.ts'

const CONNECTIONS = 48
const TICK_MS = 5
/** Requests that fall behind are sent late, up to this many seconds' worth; beyond it they are dropped. */
const MAX_BEHIND_S = 1
const JOBS_IN_TURN = 100
/** Longest wait for a response. The service answers each request within its own limit of 30 s. */
const RESPONSE_MS = 60_000

export interface Counts {
  sent: number
  ok: number
  /** By job and status, such as `hello: HTTP/1.1 502`. */
  failed: Record<string, number>
  /** Requests that the rate asked for and the load could not send in time. */
  dropped: number
}

export class Load {
  readonly counts: Counts = { sent: 0, ok: 0, failed: {}, dropped: 0 }
  readonly #port: number
  readonly #turns: Job[]
  readonly #free: (Connection | undefined)[] = new Array(CONNECTIONS).fill(undefined)
  #turn = 0
  #busy = 0

  constructor(port: number, jobs: readonly Job[]) {
    this.#port = port
    this.#turns = spread(jobs)
  }

  /** Requests a second when every connection sends its next request at once. */
  async maximum(seconds: number): Promise<number> {
    const end = performance.now() + seconds * 1000
    const before = this.counts.ok
    const run = async () => {
      while (performance.now() < end) await this.#send()
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, run))
    return (this.counts.ok - before) / seconds
  }

  /** Sends `rate` requests a second until the signal aborts and the last response is there. */
  async run(rate: number, signal: AbortSignal): Promise<void> {
    const start = performance.now()
    let due = 0
    while (!signal.aborted) {
      const wanted = Math.floor(((performance.now() - start) / 1000) * rate)
      if (wanted - due > rate * MAX_BEHIND_S) {
        const dropped = wanted - due - Math.floor(rate * MAX_BEHIND_S)
        this.counts.dropped += dropped
        due += dropped
      }
      for (; due < wanted && this.#free.length > 0; due++) void this.#send()
      await Bun.sleep(TICK_MS)
    }
    while (this.#busy > 0) await Bun.sleep(TICK_MS)
  }

  close(): void {
    for (const connection of this.#free) connection?.close()
    this.#free.fill(undefined)
  }

  async #send(): Promise<void> {
    const job = this.#turns[this.#turn++ % this.#turns.length] as Job
    let connection = this.#free.pop()
    if (connection?.open === false) connection = undefined
    this.#busy++
    this.counts.sent++
    try {
      connection ??= await openConnection(this.#port)
      const answer = connection.send(job.path, job.body)
      if (!(await withTimeout(RESPONSE_MS, answer))) throw new Error('no response')
      this.counts.ok++
    } catch (error) {
      const key = `${job.name}: ${String((error as Error).message).slice(0, 21)}`
      this.counts.failed[key] = (this.counts.failed[key] ?? 0) + 1
      connection?.close()
      connection = undefined
    }
    this.#busy--
    this.#free.push(connection)
  }
}

/** The jobs of a hundred requests, each spread evenly over them. */
function spread(jobs: readonly Job[]): Job[] {
  const places = jobs.flatMap((job) =>
    Array.from({ length: job.share }, (_, i) => ({
      job,
      at: ((i + 0.5) * JOBS_IN_TURN) / job.share,
    })),
  )
  return places.sort((a, b) => a.at - b.at).map(({ job }) => job)
}
