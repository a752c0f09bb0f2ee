/** The records that the store returns, and the schemas of its JSON columns. */

import { z } from 'zod'
import type { Runtime } from '../capabilities/runtime.ts'
import type { Capabilities } from '../capabilities/schema.ts'
import type { Environment } from '../secrets/secret-variable.ts'

export const DEFAULT_PROJECT = 'default'

/** Settings of a version apart from its capabilities. What is not set is the service's default. */
export const functionConfigSchema = z.strictObject({
  /** `strict`, `permissive` or `custom`. Only shown to people; the capabilities are enforced. */
  profile: z.string(),
  timeoutMs: z.int().positive().optional(),
  maxWorkers: z.int().positive().optional(),
  concurrency: z.int().positive().optional(),
  exposeErrors: z.boolean(),
  /** False: a request that a worker lost is not tried on another one. Not set: it may be. */
  retry: z.literal(false).optional(),
})

export type FunctionConfig = z.infer<typeof functionConfigSchema>

/** What a version runs with. */
export interface VersionSettings {
  runtime: Runtime
  /** Name of the export that handles requests. */
  handler: string
  capabilities: Capabilities
  config: FunctionConfig
}

export interface BundleRecord {
  /** Relative to the data directory. */
  path: string
  sha256: string
  /** Bytes. */
  size: number
}

export interface VersionRecord extends VersionSettings {
  id: string
  functionId: string
  version: string
  engine: string
  bundle: BundleRecord
  /** ISO 8601, UTC. */
  createdAt: string
}

/** Everything that is needed to run a function's active version. */
export interface ResolvedVersion extends VersionRecord, Environment {
  functionName: string
  project: string
}

/** How a name resolves. */
export type Resolution =
  | { found: 'nothing' }
  | { found: 'not-deployed' }
  | {
      found: 'version'
      /** The one with the highest weight. */
      version: ResolvedVersion
      /** Undefined: it is the only one. */
      split: ResolvedSplit | undefined
    }

/** Several versions that share the requests of a function. */
export interface ResolvedSplit {
  versions: { version: ResolvedVersion; weight: number }[]
  stickyHeader: string | undefined
}

/** What applies to a function whatever its version. */
export interface FunctionRules {
  /** `token`: callers need a token of the role `invoker` whose scope holds the project. */
  access: Access
  /** Every version can be called under `<name>@<version>`. */
  previews: boolean
  /** The limits that are set. */
  limits: Readonly<Record<string, number>>
}

export const ACCESS = ['public', 'token'] as const

export type Access = (typeof ACCESS)[number]

export interface FunctionSummary {
  id: string
  project: string
  name: string
  runtime: Runtime
  /** Name of the active version. */
  version: string | undefined
  status: 'registered' | 'deployed'
  profile: string
  rules: FunctionRules
  createdAt: string
  updatedAt: string
}

/** A version about to be recorded. */
export interface NewVersion extends VersionSettings {
  project: string
  name: string
  version: string
  engine: string
  bundle: BundleRecord
  /** ISO 8601, UTC; now unless set. */
  createdAt?: string
}

/** What retention needs to know of a version. */
export interface VersionAge {
  id: string
  version: string
  bundlePath: string
  /** Bytes. */
  size: number
  createdAt: string
}

/** A function and its project. */
export interface FunctionName {
  id: string
  name: string
  project: string
}

/** How people and metrics name a function: `<name>` in the default project, else `<project>/<name>`. */
export function functionLabel(name: string, project: string): string {
  return project === DEFAULT_PROJECT ? name : `${project}/${name}`
}

/** `func-<name>` in the default project, else `func-<project>.<name>`. */
export function functionId(name: string, project: string): string {
  return project === DEFAULT_PROJECT ? `func-${name}` : `func-${project}.${name}`
}
