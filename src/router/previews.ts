/** The pools of previews: few at a time, of which the longest unused one ends for the next. */
import { FunctionError } from '../errors.ts'
import type { Pool } from '../pool/pool.ts'
import type { Route } from './route.ts'

/** Previews that have a pool, of at most one worker each. At the limit one that is idle ends for the next. */
const MAX_PREVIEWS = 100
const MAX_PREVIEWS_OF_PROJECT = 10
const MAX_PREVIEWS_OF_FUNCTION = 5
const CHANGED = 'its function has changed'

export class Previews {
  /** The least recently used one first. */
  readonly #routes = new Map<string, Route>()
  readonly #retire: (pool: Pool, reason: string) => void

  constructor(retire: (pool: Pool, reason: string) => void) {
    this.#retire = retire
  }

  get(name: string, version: string, project: string): Route | undefined {
    const key = keyOf(name, version, project)
    const route = this.#routes.get(key)
    if (route === undefined) return undefined
    this.#routes.delete(key)
    this.#routes.set(key, route)
    return route
  }

  /**
   * Makes room for another preview of a function.
   *
   * @throws {FunctionError} OVERLOADED if as many as there may be are in use
   */
  makeRoom(name: string, project: string): void {
    const ofFunction = [...this.#routes.values()].filter((route) => isOf(route, name, project))
    this.#endOne(ofFunction, MAX_PREVIEWS_OF_FUNCTION)
    const ofProject = [...this.#routes.values()].filter((route) => route.project === project)
    this.#endOne(ofProject, MAX_PREVIEWS_OF_PROJECT)
    this.#endOne([...this.#routes.values()], MAX_PREVIEWS)
  }

  add(route: Route): void {
    this.#routes.set(keyOf(route.functionName, route.version, route.project), route)
  }

  /** Ends those of a function. */
  endOf(name: string, project: string): void {
    this.end((route) => isOf(route, name, project))
  }

  end(which: (route: Route) => boolean = () => true, reason = CHANGED): void {
    for (const [key, route] of this.#routes) {
      if (!which(route)) continue
      this.#routes.delete(key)
      this.#retire(route.pool, reason)
    }
  }

  *pools(): Iterable<Pool> {
    for (const { pool } of this.#routes.values()) yield pool
  }

  #endOne(some: readonly Route[], max: number): void {
    if (some.length < max) return
    const idle = some.find(
      ({ pool }) => pool.queued === 0 && pool.workers.every(({ state }) => state === 'ready'),
    )
    if (idle === undefined) {
      const message = `${max} previews are in use, which is the limit: try again when some are done.`
      throw new FunctionError('OVERLOADED', message, { retryAfter: 1 })
    }
    this.end((route) => route === idle, 'another preview took its place')
  }
}

/** Names have neither a slash nor an @. */
function keyOf(name: string, version: string, project: string): string {
  return `${project}/${name}@${version}`
}

function isOf(route: Route, name: string, project: string): boolean {
  return route.functionName === name && route.project === project
}
