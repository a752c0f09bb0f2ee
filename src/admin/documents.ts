/** The JSON documents of the management API and of `--json`. */

import { z } from '@hono/zod-openapi'
import { RUNTIMES } from '../capabilities/runtime.ts'
import { ACCESS, type FunctionSummary, type VersionRecord } from '../metadata/records.ts'
import { type LimitsDocument, limitsDocument } from './limits.ts'

const runtime = z.enum(RUNTIMES)
const time = z.iso.datetime()

/** Maximum rows of a page of a list. */
export const MAX_PAGE = 1000
/** Versions that the document of a function lists; `versions` pages through all. */
export const RECENT_VERSIONS = 100

export const deployDocumentSchema = z
  .object({
    project: z.string(),
    function: z.string(),
    version: z.string(),
    runtime,
    profile: z.string(),
    sha256: z.string(),
    /** Bytes. */
    size: z.int(),
    /** A running service serves it now. */
    live: z.boolean(),
  })
  .openapi('Deployment')

export const rollbackDocumentSchema = deployDocumentSchema
  .extend({
    /** Of the variables; 0: none. */
    envRevision: z.int(),
    /** Names of the variables that differ from those before. */
    envChanged: z.array(z.string()),
    /** Percent of the requests by version, where several share them. */
    versions: z.record(z.string(), z.int()).optional(),
  })
  .openapi('Rollback')

export const functionDocumentSchema = z
  .object({
    project: z.string(),
    name: z.string(),
    runtime,
    version: z.string().nullable(),
    status: z.enum(['registered', 'deployed']),
    profile: z.string(),
    updatedAt: time,
  })
  .openapi('Function')

export const versionDocumentSchema = z
  .object({
    version: z.string(),
    active: z.boolean(),
    sha256: z.string(),
    size: z.int(),
    createdAt: time,
  })
  .openapi('Version')

export const functionDetailsSchema = functionDocumentSchema
  .extend({
    id: z.string(),
    createdAt: time,
    handler: z.string().nullable(),
    engine: z.string().nullable(),
    capabilities: z.record(z.string(), z.unknown()).nullable(),
    config: z.record(z.string(), z.unknown()).nullable(),
    access: z.enum(ACCESS),
    previews: z.boolean(),
    versions: z.array(versionDocumentSchema),
    ...limitsDocument,
  })
  .openapi('FunctionDetails')

export const serviceDocumentSchema = z
  .object({
    pid: z.int(),
    release: z.string(),
    url: z.string(),
    /** Where the executable is installed. */
    executable: z.string(),
  })
  .openapi('Service')

export const restartDocumentSchema = z
  .object({ pid: z.int(), release: z.string() })
  .openapi('Restart')

/** Longest time that a new process may take, ms. */
export const MAX_RESTART_MS = 3_600_000

export const restartRequestSchema = z
  .object({
    /** Start the executable that lies beside the installed one, under its name and `.new`. */
    upgrade: z.boolean(),
    /** Time until the new process is ready, ms. */
    timeoutMs: z.int().positive().max(MAX_RESTART_MS),
  })
  .openapi('RestartRequest')

export const workerDocumentSchema = z
  .object({
    pid: z.int().nullable(),
    project: z.string(),
    function: z.string(),
    version: z.string(),
    runtime: z.string(),
    state: z.string(),
    invocations: z.int(),
    startedAt: time,
    residentBytes: z.int(),
    layers: z.array(z.string()),
  })
  .openapi('Worker')

export const collectRequestSchema = z
  .strictObject({
    /** As the settings `versions.keep` and `versions.older_than`, which apply unless set. */
    keep: z.int().min(0).max(1_000_000).optional(),
    olderThanMs: z.int().min(0).optional(),
    /** One function, of the project; all of every project unless set. */
    function: z.string().optional(),
    project: z.string().default('default'),
    dryRun: z.boolean().default(false),
  })
  .openapi('CollectRequest')

export const garbageDocumentSchema = z
  .object({
    dryRun: z.boolean(),
    versions: z.int(),
    bytes: z.int(),
    /** Bundle folders that no version refers to. */
    orphans: z.int(),
    /** Such folders that are kept because they have a version.json: metadata.db may be older than they are. */
    unknown: z.int(),
    /** The first 1000 versions. */
    removed: z.array(
      z.object({ function: z.string(), version: z.string(), size: z.int(), createdAt: time }),
    ),
  })
  .openapi('Garbage')

/** What a backup needs to know of the service that holds the bundles for it. */
export const holdDocumentSchema = z
  .object({
    dataDir: z.string(),
    /** The value of every setting, by its key. */
    settings: z.record(z.string(), z.unknown()),
  })
  .openapi('Hold')

export type CollectRequest = z.input<typeof collectRequestSchema>
export type GarbageDocument = z.infer<typeof garbageDocumentSchema>
export type HoldDocument = z.infer<typeof holdDocumentSchema>
export const trafficDocumentSchema = z
  .object({
    project: z.string(),
    function: z.string(),
    /** Percent of the requests by version. */
    versions: z.record(z.string(), z.int()),
    /** Null: a cookie keeps a client with its version. */
    stickyHeader: z.string().nullable(),
    live: z.boolean(),
  })
  .openapi('Traffic')

export type TrafficDocument = z.infer<typeof trafficDocumentSchema>
export type RollbackDocument = z.infer<typeof rollbackDocumentSchema>
export type DeployDocument = z.infer<typeof deployDocumentSchema>
type FunctionDocument = z.infer<typeof functionDocumentSchema>
export type FunctionDetails = z.infer<typeof functionDetailsSchema>
export type VersionDocument = z.infer<typeof versionDocumentSchema>
export type WorkerDocument = z.infer<typeof workerDocumentSchema>

export function deployDocument(
  name: string,
  project: string,
  record: VersionRecord,
  live: boolean,
): DeployDocument {
  const { version, runtime, config, bundle } = record
  return {
    project,
    function: name,
    version,
    runtime,
    profile: config.profile,
    sha256: bundle.sha256,
    size: bundle.size,
    live,
  }
}

export function functionDocument(row: FunctionSummary): FunctionDocument {
  const { project, name, runtime, version = null, status, profile, updatedAt } = row
  return { project, name, runtime, version, status, profile, updatedAt }
}

export function versionDocument(
  record: VersionRecord,
  active: string | undefined,
): VersionDocument {
  const { version, bundle, createdAt } = record
  const { sha256, size } = bundle
  return { version, active: version === active, sha256, size, createdAt }
}

/** @param versions the newest */
export function functionDetails(
  row: FunctionSummary,
  active: VersionRecord | undefined,
  versions: VersionRecord[],
  limits: LimitsDocument,
): FunctionDetails {
  return {
    ...functionDocument(row),
    id: row.id,
    createdAt: row.createdAt,
    handler: active?.handler ?? null,
    engine: active?.engine ?? null,
    capabilities: active?.capabilities ?? null,
    config: active?.config ?? null,
    ...row.rules,
    versions: versions.map((record) => versionDocument(record, row.version)),
    ...limits,
  }
}
