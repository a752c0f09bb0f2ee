import { and, asc, desc, eq, gt, notExists, sql } from 'drizzle-orm'
import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite'
import { deploymentWeights, functionDeployments, functions, functionVersions } from './schema.ts'

/** Maximum number of versions that are read ahead. */
const MAX_KNOWN = 10_000

/** Splits that the active version is or was in; beside `functions`. The table is small: this costs no more than it must. */
function splitsOf(db: BunSQLiteDatabase) {
  return db
    .select({ id: deploymentWeights.deploymentId })
    .from(deploymentWeights)
    .where(eq(deploymentWeights.versionId, functions.activeVersionId))
}

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
          eq(functions.envRevision, 0),
          notExists(splitsOf(db)),
        ),
      )
      .limit(MAX_KNOWN)
      .prepare(),
    list: db
      .select({ function: functions, version: functionVersions.version })
      .from(functions)
      .leftJoin(functionVersions, versionIsActive)
      .where(
        and(
          eq(functions.project, sql.placeholder('project')),
          gt(functions.name, sql.placeholder('after')),
        ),
      )
      .orderBy(functions.name)
      .limit(sql.placeholder('limit'))
      .prepare(),
    functionsAfter: db
      .select({ id: functions.id, name: functions.name, project: functions.project })
      .from(functions)
      .where(gt(functions.id, sql.placeholder('after')))
      .orderBy(asc(functions.id))
      .limit(sql.placeholder('limit'))
      .prepare(),
    versions: db
      .select()
      .from(functionVersions)
      .where(
        and(
          eq(functionVersions.functionId, sql.placeholder('id')),
          // A row value, so that SQLite begins at the cursor's place in the index.
          sql`(${functionVersions.createdAt}, ${functionVersions.id}) < (${sql.placeholder('createdAt')}, ${sql.placeholder('before')})`,
        ),
      )
      .orderBy(desc(functionVersions.createdAt), desc(functionVersions.id))
      .limit(sql.placeholder('limit'))
      .prepare(),
    versionsAfter: db
      .select({ name: functions.name, project: functions.project, version: functionVersions })
      .from(functionVersions)
      .innerJoin(functions, eq(functions.id, functionVersions.functionId))
      .where(gt(functionVersions.id, sql.placeholder('after')))
      .orderBy(asc(functionVersions.id))
      .limit(sql.placeholder('limit'))
      .prepare(),
    oldest: db
      .select({
        id: functionVersions.id,
        version: functionVersions.version,
        bundlePath: functionVersions.bundlePath,
        size: functionVersions.size,
        createdAt: functionVersions.createdAt,
      })
      .from(functionVersions)
      .where(
        and(
          eq(functionVersions.functionId, sql.placeholder('functionId')),
          sql`(${functionVersions.createdAt}, ${functionVersions.id}) > (${sql.placeholder('createdAt')}, ${sql.placeholder('after')})`,
        ),
      )
      .orderBy(asc(functionVersions.createdAt), asc(functionVersions.id))
      .limit(sql.placeholder('limit'))
      .prepare(),
    newest: db
      .select({ id: functionVersions.id })
      .from(functionVersions)
      .where(eq(functionVersions.functionId, sql.placeholder('functionId')))
      .orderBy(desc(functionVersions.createdAt), desc(functionVersions.id))
      .limit(sql.placeholder('limit'))
      .prepare(),
    versionNames: db
      .select({ version: functionVersions.version })
      .from(functionVersions)
      .where(eq(functionVersions.functionId, sql.placeholder('functionId')))
      .prepare(),
    /** Versions below the active one, which rollbacks return to, the next one first. */
    superseded: db
      .select({ versionId: functionDeployments.versionId })
      .from(functionDeployments)
      .where(
        and(
          eq(functionDeployments.functionId, sql.placeholder('functionId')),
          eq(functionDeployments.status, 'superseded'),
        ),
      )
      .groupBy(functionDeployments.versionId)
      .orderBy(desc(sql`max(${functionDeployments.id})`))
      .limit(sql.placeholder('limit'))
      .prepare(),
    activeId: db
      .select({ id: functions.activeVersionId, envRevision: functions.envRevision })
      .from(functions)
      .where(eq(functions.id, sql.placeholder('functionId')))
      .prepare(),
    bundlePath: db
      .select({ path: functionVersions.bundlePath })
      .from(functionVersions)
      .where(
        and(
          eq(functionVersions.functionId, sql.placeholder('functionId')),
          eq(functionVersions.version, sql.placeholder('version')),
        ),
      )
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
  }
}
