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

/** A tenant. */
export const projects = sqliteTable('projects', {
  name: text('name').primaryKey(),
  /** `active` or `suspended`: its functions answer 403, and keep what they have. */
  state: text('state').notNull(),
  /** What its functions may do at most, and do by default: `strict`, `permissive` or `custom`; NULL: no ceiling. */
  profile: text('profile'),
  /** JSON of the capabilities. */
  profileJson: text('profile_json'),
  /** JSON: the limits that are set. */
  limitsJson: text('limits_json').notNull().default('{}'),
  createdAt: text('created_at').notNull(),
  updatedAt: text('updated_at').notNull(),
})

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
    /** The version with the highest weight. */
    activeVersionId: text('active_version_id').references(
      (): AnySQLiteColumn => functionVersions.id,
    ),
    capabilitiesJson: text('capabilities_json').notNull(),
    configJson: text('config_json').notNull(),
    /** ISO 8601, UTC, as every time here. */
    createdAt: text('created_at').notNull(),
    updatedAt: text('updated_at').notNull(),
    /** `public`, or `token`: callers need a token of the role `invoker`. */
    access: text('access').notNull().default('public'),
    /** 1: any version can be called by `<name>@<version>`. */
    previews: integer('previews').notNull().default(0),
    /** JSON: the limits that are set. */
    limitsJson: text('limits_json').notNull().default('{}'),
    /** The revision of its variables that the active deployment serves; 0: it never had any. */
    envRevision: integer('env_revision').notNull().default(0),
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

/**
 * What served: a version, or a set of versions with weights, with a revision of the variables. A stack,
 * whose top is `active`. A rollback pops it.
 */
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
    envRevision: integer('env_revision').notNull().default(0),
    /** Of several versions: the request header whose value chooses one. NULL: a cookie keeps a client with its version. */
    stickyHeader: text('sticky_header'),
  },
  (table) => [
    index('function_deployments_function').on(table.functionId, table.status),
    // The deletion of a version deletes its deployments.
    index('function_deployments_version').on(table.versionId),
  ],
)

/** The versions of a deployment that has several. `version_id` of the deployment is the heaviest one. */
export const deploymentWeights = sqliteTable(
  'deployment_weights',
  {
    deploymentId: integer('deployment_id')
      .notNull()
      .references(() => functionDeployments.id, { onDelete: 'cascade' }),
    versionId: text('version_id')
      .notNull()
      .references(() => functionVersions.id, { onDelete: 'cascade' }),
    /** Percent; those of a deployment add up to 100. */
    weight: integer('weight').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.deploymentId, table.versionId] }),
    index('deployment_weights_version').on(table.versionId),
  ],
)

/** A set of variables of a function, which never changes. */
export const envRevisions = sqliteTable(
  'env_revisions',
  {
    functionId: text('function_id')
      .notNull()
      .references(() => functions.id, { onDelete: 'cascade' }),
    revision: integer('revision').notNull(),
    createdAt: text('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.functionId, table.revision] })],
)

export const envVariables = sqliteTable(
  'env_variables',
  {
    functionId: text('function_id')
      .notNull()
      .references(() => functions.id, { onDelete: 'cascade' }),
    revision: integer('revision').notNull(),
    name: text('name').notNull(),
    /** `plain` or `secret`. */
    kind: text('kind').notNull(),
    /** The text of a plain variable; of a secret, the base64 of nonce, ciphertext and tag (AES-256-GCM). */
    value: text('value').notNull(),
    /** Of a secret: which key encrypted it. */
    keyId: text('key_id'),
    /** Of a secret that never enters a worker: JSON list of the hosts that get it. */
    hostsJson: text('hosts_json'),
    /** When it was set; a revision takes over what it does not change. */
    updatedAt: text('updated_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.functionId, table.revision, table.name] }),
    index('env_variables_key').on(table.keyId),
  ],
)

/** The keys that encrypted secrets. The keys themselves are never in the database. */
export const secretKeys = sqliteTable('secret_keys', {
  id: text('id').primaryKey(),
  /** `current`, or `previous` while a rotation runs. */
  state: text('state').notNull(),
  createdAt: text('created_at').notNull(),
})

/** Which host and path lead to a function, besides its name. */
export const routes = sqliteTable(
  'routes',
  {
    id: text('id').primaryKey(),
    functionId: text('function_id')
      .notNull()
      .references(() => functions.id, { onDelete: 'cascade' }),
    /** Lower case, without a port; `*.example.com` for every name one level below. */
    host: text('host').notNull(),
    /** `/`, or a prefix such as `/api` without a slash at the end. */
    path: text('path').notNull(),
    createdAt: text('created_at').notNull(),
  },
  (table) => [
    unique('routes_host_path').on(table.host, table.path),
    index('routes_function').on(table.functionId),
  ],
)

/** Every change through the management API, and every refused attempt. Nothing here is ever changed. */
export const audit = sqliteTable(
  'audit',
  {
    /** UUID of version 7: in the order of time. */
    id: text('id').primaryKey(),
    time: text('time').notNull(),
    /** NULL: the whole service. */
    project: text('project'),
    /** The token's name, or `socket`. */
    actor: text('actor').notNull(),
    address: text('address'),
    /** Such as `function.deploy`. */
    action: text('action').notNull(),
    /** Such as the function's name. */
    object: text('object'),
    /** `done`, `refused` or `failed`. */
    outcome: text('outcome').notNull(),
    /** JSON: what changed, or why it was refused. Never the value of a secret. */
    detailsJson: text('details_json').notNull().default('{}'),
    /** How many equal ones it stands for. */
    count: integer('count').notNull().default(1),
  },
  (table) => [
    index('audit_project').on(table.project, table.id),
    index('audit_time').on(table.time),
  ],
)

/** The answers to changes with an `Idempotency-Key`. */
export const idempotency = sqliteTable(
  'idempotency',
  {
    /** The token's id, or `socket`. */
    actor: text('actor').notNull(),
    key: text('key').notNull(),
    /** Of method, path and body. */
    requestSha256: text('request_sha256').notNull(),
    status: integer('status').notNull(),
    body: text('body').notNull(),
    createdAt: text('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.actor, table.key] }),
    index('idempotency_time').on(table.createdAt),
  ],
)

/** Variables of a function, as releases before 0.3 keep them. */
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
  /** `admin`, `deployer`, `viewer` or `invoker`. */
  role: text('role').notNull().default('viewer'),
  /** A project; NULL: all of them. */
  project: text('project'),
  lastUsedAt: text('last_used_at'),
  /** JSON: the limits that are set. */
  limitsJson: text('limits_json').notNull().default('{}'),
})
