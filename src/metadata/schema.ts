/**
 * The tables of metadata.db. After a change here: `bun drizzle-kit generate`, and name the new file
 * in migrate.ts.
 */
import {
  type AnySQLiteColumn,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  unique,
} from 'drizzle-orm/sqlite-core'

/** A function, with a copy of its active version's settings for people who use sqlite3. */
export const functions = sqliteTable(
  'functions',
  {
    /** `func-<name>` in the default project, else `func-<project>.<name>`. */
    id: text('id').primaryKey(),
    project: text('project').notNull(),
    name: text('name').notNull(),
    runtime: text('runtime').notNull(),
    handler: text('handler').notNull(),
    /** `registered` until a version is active, then `deployed`. */
    status: text('status').notNull(),
    activeVersionId: text('active_version_id').references(
      (): AnySQLiteColumn => functionVersions.id,
    ),
    capabilitiesJson: text('capabilities_json').notNull(),
    configJson: text('config_json').notNull(),
    /** ISO 8601, UTC, as every time here. */
    createdAt: text('created_at').notNull(),
    updatedAt: text('updated_at').notNull(),
  },
  (table) => [
    unique('functions_project_name').on(table.project, table.name),
    // Without it, the deletion of a version would read the whole table to check the reference.
    index('functions_active_version').on(table.activeVersionId),
  ],
)

/** Everything that a version runs with. Immutable, so that a rollback restores it. */
export const functionVersions = sqliteTable(
  'function_versions',
  {
    id: text('id').primaryKey(),
    functionId: text('function_id')
      .notNull()
      .references(() => functions.id, { onDelete: 'cascade' }),
    version: text('version').notNull(),
    runtime: text('runtime').notNull(),
    handler: text('handler').notNull(),
    capabilitiesJson: text('capabilities_json').notNull(),
    configJson: text('config_json').notNull(),
    /** The engine that loaded it when it was deployed. */
    engine: text('engine').notNull(),
    /** Relative to the data directory. */
    bundlePath: text('bundle_path').notNull(),
    bundleSha256: text('bundle_sha256').notNull(),
    /** Bytes of the bundle. */
    size: integer('size').notNull(),
    createdAt: text('created_at').notNull(),
    /** 0: a request that a worker lost is not tried on another. Beside the JSON, which release 0.2 checks. */
    retry: integer('retry').notNull().default(1),
  },
  (table) => [
    unique('function_versions_version').on(table.functionId, table.version),
    // A page of a function's versions, newest first, without sorting all of them.
    index('function_versions_newest').on(table.functionId, table.createdAt, table.id),
  ],
)

/** Every time that a version went live: a stack, whose top is `active`. A rollback pops it. */
export const functionDeployments = sqliteTable(
  'function_deployments',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    functionId: text('function_id')
      .notNull()
      .references(() => functions.id, { onDelete: 'cascade' }),
    versionId: text('version_id')
      .notNull()
      .references(() => functionVersions.id, { onDelete: 'cascade' }),
    /** `active`, `superseded` or `rolled-back`. */
    status: text('status').notNull(),
    createdAt: text('created_at').notNull(),
  },
  (table) => [
    index('function_deployments_function').on(table.functionId, table.status),
    // The deletion of a version deletes its deployments.
    index('function_deployments_version').on(table.versionId),
  ],
)

/** Variables that a function's handler gets as `env`. */
export const env = sqliteTable(
  'env',
  {
    functionId: text('function_id')
      .notNull()
      .references(() => functions.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    value: text('value').notNull(),
    updatedAt: text('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.functionId, table.name] })],
)

/** Who may use the management API over TCP. Only a token's hash is kept. */
export const tokens = sqliteTable('tokens', {
  id: text('id').primaryKey(),
  name: text('name').notNull().unique(),
  sha256: text('sha256').notNull().unique(),
  createdAt: text('created_at').notNull(),
  expiresAt: text('expires_at'),
})
