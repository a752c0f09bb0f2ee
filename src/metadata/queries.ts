import { and, desc, eq, notExists, sql } from 'drizzle-orm'
import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite'
import { env, functions, functionVersions } from './schema.ts'

/** Maximum number of versions that are read ahead. */
const MAX_KNOWN = 10_000

/** Compiles the queries that requests wait for once. */
export function prepareQueries(db: BunSQLiteDatabase) {
  const byName = and(
    eq(functions.name, sql.placeholder('name')),
    eq(functions.project, sql.placeholder('project')),
  )
  const versionIsActive = eq(functionVersions.id, functions.activeVersionId)
  return {
    resolve: db
      .select({
        function: functions,
        version: functionVersions,
        // Most functions have no variables, and a second query would nearly double the cost of
        // resolving.
        hasEnv: sql<number>`exists (select 1 from ${env} where ${env.functionId} = ${functions.id})`,
      })
      .from(functions)
      .leftJoin(functionVersions, versionIsActive)
      .where(byName)
      .prepare(),
    deployed: db
      .select({ name: functions.name, project: functions.project, version: functionVersions })
      .from(functions)
      .innerJoin(functionVersions, versionIsActive)
      .where(
        and(
          eq(functions.status, 'deployed'),
          notExists(db.select().from(env).where(eq(env.functionId, functions.id))),
        ),
      )
      .limit(MAX_KNOWN)
      .prepare(),
    list: db
      .select({ function: functions, version: functionVersions.version })
      .from(functions)
      .leftJoin(functionVersions, versionIsActive)
      .where(eq(functions.project, sql.placeholder('project')))
      .orderBy(functions.name)
      .prepare(),
    versions: db
      .select()
      .from(functionVersions)
      .where(eq(functionVersions.functionId, sql.placeholder('id')))
      .orderBy(desc(functionVersions.createdAt), desc(functionVersions.id))
      .prepare(),
    version: db
      .select()
      .from(functionVersions)
      .where(
        and(
          eq(functionVersions.functionId, sql.placeholder('functionId')),
          eq(functionVersions.version, sql.placeholder('version')),
        ),
      )
      .prepare(),
    env: db
      .select({ name: env.name, value: env.value })
      .from(env)
      .where(eq(env.functionId, sql.placeholder('functionId')))
      .prepare(),
  }
}
