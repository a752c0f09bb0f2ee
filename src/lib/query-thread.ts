/**
 * Queries over long tables, in a thread of their own: SQLite is synchronous, and on the thread that serves requests
 * each of them would wait for the query.
 */
import { FunctionError } from '../errors.ts'
import { programSource } from './program-source.ts' with { type: 'macro' }
import type { Answer, Query } from './query-program.ts'

const PROGRAM = programSource('src/lib/query-program.ts')
/** Longest time of a query, the wait for others included, ms. Then the thread is ended with all that it was asked. */
const QUERY_MS = 30_000
/** Queries that may wait; more are refused. */
const MAX_WAITING = 100
/** The thread ends when it was asked nothing for this time, ms. */
const IDLE_MS = 30_000

/** Of the program, made once. */
let url: string | undefined

interface Asked {
  settle: PromiseWithResolvers<unknown[]>
  timer: ReturnType<typeof setTimeout>
}

/** One thread, which runs while it is asked something. */
export class QueryThread {
  readonly #asked = new Map<number, Asked>()
  #thread: Worker | undefined
  #idle: ReturnType<typeof setTimeout> | undefined
  #lastId = 0

  /**
   * Runs a query on a database file. A file or a table that does not exist has no rows.
   *
   * @param sql reads only: the connection cannot write
   * @throws {FunctionError} OVERLOADED if too many queries wait, or it takes too long; INTERNAL if it fails
   */
  all<Row>(path: string, sql: string, parameters: Query['parameters'] = []): Promise<Row[]> {
    if (this.#asked.size >= MAX_WAITING)
      return Promise.reject(overloaded(`${MAX_WAITING} queries already wait`))
    clearTimeout(this.#idle)
    this.#lastId++
    const id = this.#lastId
    const settle = Promise.withResolvers<unknown[]>()
    const late = () => this.#end(overloaded(`it took longer than ${QUERY_MS / 1000} s`))
    this.#asked.set(id, { settle, timer: setTimeout(late, QUERY_MS) })
    this.#thread ??= this.#start()
    this.#thread.ref()
    this.#thread.postMessage({ id, path, sql, parameters } satisfies Query)
    return settle.promise as Promise<Row[]>
  }

  /** Ends the thread. What it was asked fails. */
  close(): void {
    this.#end(new FunctionError('SHUTTING_DOWN', 'The service is shutting down.'))
  }

  #start(): Worker {
    url ??= URL.createObjectURL(new Blob([PROGRAM], { type: 'application/javascript' }))
    const thread = new Worker(url, { name: 'queries' })
    thread.addEventListener('message', ({ data }: MessageEvent<Answer>) => this.#answered(data))
    thread.addEventListener('error', ({ message }) => {
      if (this.#thread === thread) this.#end(failed(message))
    })
    return thread
  }

  #answered(answer: Answer): void {
    const asked = this.#asked.get(answer.id)
    if (asked === undefined) return
    this.#asked.delete(answer.id)
    clearTimeout(asked.timer)
    if ('rows' in answer) asked.settle.resolve(answer.rows)
    else asked.settle.reject(failed(answer.error))
    if (this.#asked.size > 0) return
    this.#idle = setTimeout(() => this.close(), IDLE_MS)
    // A command that is done need not wait for it.
    this.#idle.unref()
    this.#thread?.unref()
  }

  #end(error: FunctionError): void {
    clearTimeout(this.#idle)
    this.#thread?.terminate()
    this.#thread = undefined
    const all = [...this.#asked.values()]
    this.#asked.clear()
    for (const { settle, timer } of all) {
      clearTimeout(timer)
      settle.reject(error)
    }
  }
}

function overloaded(why: string): FunctionError {
  const message = `A query of a database was refused: ${why}. Ask for less, or try again later.`
  return new FunctionError('OVERLOADED', message, { retryAfter: 1 })
}

function failed(why: string): FunctionError {
  return new FunctionError('INTERNAL', `A query of a database failed: ${why}.`)
}
