/** How much of the installation a project or a function takes. */
import { and, count, eq, sum } from 'drizzle-orm'
import type { Storage } from './change.ts'
import { functions, functionVersions } from './schema.ts'

export class Footprint {
  readonly #storage: Storage

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** @param project all of them unless set */
  functions(project?: string): number {
    const { db } = this.#storage
    const of = project === undefined ? undefined : eq(functions.project, project)
    return db.select({ n: count() }).from(functions).where(of).get()?.n ?? 0
  }

  /** Bytes of the bundles of all versions: of everything, of a project, or of one function. */
  bundleBytes(project?: string, name?: string): number {
    const { db } = this.#storage
    const of = and(
      project === undefined ? undefined : eq(functions.project, project),
      name === undefined ? undefined : eq(functions.name, name),
    )
    const row = db
      .select({ bytes: sum(functionVersions.size) })
      .from(functionVersions)
      .innerJoin(functions, eq(functions.id, functionVersions.functionId))
      .where(of)
      .get()
    return Number(row?.bytes ?? 0)
  }
}
