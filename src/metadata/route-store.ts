/** Routes: hosts and path prefixes that lead to functions. */
import { and, asc, count, eq, inArray, ne, sql } from 'drizzle-orm'
import { FunctionError } from '../errors.ts'
import { parentOf } from '../lib/host-name.ts'
import type { Storage } from './change.ts'
import { functions, routes } from './schema.ts'

/** Routes of one project that its own tokens may add. */
const MAX_ROUTES = 1000

/** A host, and a path prefix of it: `/`, or such as `/api`. */
export interface RoutePlace {
  host: string
  path: string
}

export interface RouteRecord extends RoutePlace {
  project: string
  functionName: string
  /** ISO 8601, UTC. */
  createdAt: string
}

export interface NewRoute extends RoutePlace {
  project: string
  functionName: string
  /**
   * Added by a token of the project: the host must not be used by another project, neither itself nor with `*.`, and
   * the number of routes is limited.
   */
  confined: boolean
}

export class RouteStore {
  readonly #storage: Storage

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** @throws {FunctionError} FUNCTION_NOT_FOUND, CONFLICT, QUOTA_EXCEEDED */
  add({ project, functionName, host, path, confined }: NewRoute): RouteRecord {
    const createdAt = new Date().toISOString()
    return this.#storage.change((tx) => {
      const owner = and(eq(functions.project, project), eq(functions.name, functionName))
      const row = tx.select({ id: functions.id }).from(functions).where(owner).get()
      if (row === undefined)
        throw new FunctionError('FUNCTION_NOT_FOUND', `Function '${functionName}' does not exist.`)
      this.#refuseTaken({ host, path }, project)
      if (confined) this.#confine(host, project)
      const id = Bun.randomUUIDv7()
      tx.insert(routes).values({ id, functionId: row.id, host, path, createdAt }).run()
      return { project, functionName, host, path, createdAt }
    })
  }

  /**
   * Removes a route of a project.
   *
   * @throws {FunctionError} ROUTE_NOT_FOUND
   */
  remove({ host, path }: RoutePlace, project: string): RouteRecord {
    return this.#storage.change((tx) => {
      const found = this.#at({ host, path })
      if (found === undefined || found.project !== project) {
        const message = `Project '${project}' has no route ${routeText({ host, path })}.`
        throw new FunctionError('ROUTE_NOT_FOUND', message)
      }
      tx.delete(routes)
        .where(and(eq(routes.host, host), eq(routes.path, path)))
        .run()
      return found
    })
  }

  /** Routes of a project by host and path, beginning after one. */
  list(project: string, after: RoutePlace, limit: number): RouteRecord[] {
    const place = sql`(${routes.host}, ${routes.path}) > (${after.host}, ${after.path})`
    return this.#select()
      .where(and(eq(functions.project, project), place))
      .orderBy(asc(routes.host), asc(routes.path))
      .limit(limit)
      .all()
  }

  ofHost(host: string): RouteRecord[] {
    return this.#select().where(eq(routes.host, host)).all()
  }

  /** Hosts of the routes to a function. */
  hostsOf(functionId: string): string[] {
    const { db } = this.#storage
    const rows = db.selectDistinct({ host: routes.host }).from(routes)
    return rows
      .where(eq(routes.functionId, functionId))
      .all()
      .map(({ host }) => host)
  }

  /** Every route, as raw values: there may be very many. */
  all(): [host: string, path: string, functionId: string][] {
    const { db } = this.#storage
    const columns = { host: routes.host, path: routes.path, functionId: routes.functionId }
    return db.select(columns).from(routes).values() as [string, string, string][]
  }

  #select() {
    return this.#storage.db
      .select({
        project: functions.project,
        functionName: functions.name,
        host: routes.host,
        path: routes.path,
        createdAt: routes.createdAt,
      })
      .from(routes)
      .innerJoin(functions, eq(functions.id, routes.functionId))
      .$dynamic()
  }

  #at({ host, path }: RoutePlace): RouteRecord | undefined {
    return this.#select()
      .where(and(eq(routes.host, host), eq(routes.path, path)))
      .get()
  }

  #refuseTaken(place: RoutePlace, project: string): void {
    const found = this.#at(place)
    if (found === undefined) return
    const message =
      found.project === project
        ? `The route ${routeText(place)} leads to function '${found.functionName}' already: remove it first.`
        : `The route ${routeText(place)} is taken.`
    throw new FunctionError('CONFLICT', message)
  }

  #confine(host: string, project: string): void {
    const hosts = [host, `*.${parentOf(host)}`]
    const foreign = this.#select()
      .where(and(inArray(routes.host, hosts), ne(functions.project, project)))
      .limit(1)
      .get()
    if (foreign !== undefined) throw new FunctionError('CONFLICT', `The host ${host} is taken.`)
    const { db } = this.#storage
    const own = db.select({ count: count() }).from(routes)
    const rows = own.innerJoin(functions, eq(functions.id, routes.functionId))
    const total = rows.where(eq(functions.project, project)).get()?.count ?? 0
    if (total < MAX_ROUTES) return
    const message = `Project '${project}' has ${MAX_ROUTES} routes, which is the limit: remove some, or have an administrator add more.`
    throw new FunctionError('QUOTA_EXCEEDED', message)
  }
}

/** `example.com/api`, as people write it. */
export function routeText({ host, path }: RoutePlace): string {
  return path === '/' ? host : host + path
}
