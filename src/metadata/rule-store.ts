/** Rules of functions: who may call them, and how. They belong to no version, so a rollback leaves them as they are. */
import { and, eq, sql } from 'drizzle-orm'
import { FunctionError } from '../errors.ts'
import { noteChange } from './audit-context.ts'
import type { AuditDetails } from './audit-entry.ts'
import type { Storage } from './change.ts'
import type { FunctionRules } from './records.ts'
import { toRules } from './rows.ts'
import { functions } from './schema.ts'

/** What is not given stays. */
type RulesChange = { [key in keyof FunctionRules]?: FunctionRules[key] | undefined }

export class RuleStore {
  readonly #storage: Storage
  readonly #find: ReturnType<typeof prepareFind>

  constructor(storage: Storage) {
    this.#storage = storage
    this.#find = prepareFind(storage)
  }

  /** Undefined: the function does not exist. */
  find(name: string, project: string): FunctionRules | undefined {
    const row = this.#find.get({ name, project })
    return row === undefined ? undefined : toRules(row)
  }

  /**
   * Changes rules of a function; what is not given stays.
   *
   * @throws {FunctionError} FUNCTION_NOT_FOUND
   */
  set(name: string, project: string, change: RulesChange): FunctionRules {
    noteChange(changed(change))
    return this.#storage.change((tx) => {
      const row = this.#find.get({ name, project })
      if (row === undefined)
        throw new FunctionError('FUNCTION_NOT_FOUND', `Function '${name}' does not exist.`)
      const before = toRules(row)
      const access = change.access ?? before.access
      const previews = change.previews ?? before.previews
      const limits = change.limits ?? before.limits
      const updatedAt = new Date().toISOString()
      tx.update(functions)
        .set({ access, previews: previews ? 1 : 0, limitsJson: JSON.stringify(limits), updatedAt })
        .where(eq(functions.id, row.id))
        .run()
      return { access, previews, limits }
    })
  }
}

/** For the audit. */
function changed({ access, previews, limits }: RulesChange): AuditDetails {
  return {
    ...(access !== undefined && { access }),
    ...(previews !== undefined && { previews }),
    ...(limits !== undefined && { limits: JSON.stringify(limits) }),
  }
}

function prepareFind({ db }: Storage) {
  return db
    .select({
      id: functions.id,
      access: functions.access,
      previews: functions.previews,
      limitsJson: functions.limitsJson,
    })
    .from(functions)
    .where(
      and(
        eq(functions.name, sql.placeholder('name')),
        eq(functions.project, sql.placeholder('project')),
      ),
    )
    .prepare()
}
