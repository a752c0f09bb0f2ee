/** Validates the settings of a deployment and turns them into the settings of a version. */

import { z } from 'zod'
import { exceeds } from '../capabilities/ceiling.ts'
import {
  isProfileName,
  lowerLimits,
  namedProfile,
  parseCustomProfile,
} from '../capabilities/profiles.ts'
import { RUNTIMES, type Runtime } from '../capabilities/runtime.ts'
import type { Capabilities } from '../capabilities/schema.ts'
import { FunctionError } from '../errors.ts'
import type { ProjectRecord } from '../metadata/project-store.ts'
import { DEFAULT_PROJECT, type VersionSettings } from '../metadata/records.ts'

const MAX_PROFILE_CHARS = 65_536

/** A function's name, which is part of its URL. */
export const functionNameSchema = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'must be 1 to 63 characters of a-z, 0-9 and -, and must not start or end with -',
  )

/** A project's name, which is part of its functions' URLs. */
export const projectNameSchema = functionNameSchema

/** A version's name, which is also the name of a directory. */
export const versionNameSchema = z
  .string()
  .regex(
    /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'must be 1 to 63 characters of A-Z, a-z, 0-9, ., _ and -, must start with a letter or digit, and must not have two dots in a row',
  )

const TIMEOUT = 'must be from 1 to 86400000 milliseconds (24 hours)'
const COUNT = 'must be a whole number from 1 to 10000'
const count = z.int(COUNT).min(1, COUNT).max(10_000, COUNT)
const MEMORY = 'must be a whole number of bytes above 0'
const CPU = 'must be a whole number of milliseconds above 0'

export const deploySettingsSchema = z.strictObject({
  /** The next of v1, v2 and so on unless set. */
  version: versionNameSchema.optional(),
  runtime: z.enum(RUNTIMES).optional(),
  handler: z
    .string()
    .regex(/^[\p{ID_Start}$_][\p{ID_Continue}$]{0,99}$/u, 'must be the name of an export')
    .default('default'),
  /** That of the project, or strict, unless set. */
  profile: z.enum(['strict', 'permissive', 'custom']).optional(),
  /** JSON text of a custom profile. */
  customProfile: z.string().max(MAX_PROFILE_CHARS).optional(),
  /** Lower than the profile's limits: bytes, CPU milliseconds. */
  maxMemory: z.int(MEMORY).positive(MEMORY).optional(),
  maxCpu: z.int(CPU).positive(CPU).optional(),
  timeoutMs: z.int(TIMEOUT).min(1, TIMEOUT).max(86_400_000, TIMEOUT).optional(),
  maxWorkers: count.optional(),
  concurrency: count.optional(),
  exposeErrors: z.boolean().default(false),
  retry: z.boolean().default(true),
})

/** What a project gives to the settings of its functions. */
export type ProjectOfSettings = Pick<ProjectRecord, 'name' | 'profile'>

export type DeploySettings = z.input<typeof deploySettingsSchema>

/**
 * Validates a deployment's settings and returns the settings that the version runs with.
 *
 * @param defaultRuntime for a deployment without a runtime
 * @param names what errors call a key; its own name unless set
 * @throws {FunctionError} BAD_REQUEST
 */
export function resolveSettings(
  given: DeploySettings,
  defaultRuntime: Runtime,
  names: Readonly<Record<string, string>> = {},
  project: ProjectOfSettings = { name: DEFAULT_PROJECT, profile: undefined },
): { version: string | undefined; settings: VersionSettings } {
  const input = checked(deploySettingsSchema, given, undefined, names)
  const capabilities = capabilitiesOf(input, names, project)
  // A Bun worker cannot be without eval.
  const runtime = input.runtime ?? (capabilities.allowEval ? defaultRuntime : 'quickjs-ng')
  const profile = input.profile ?? project.profile?.name ?? 'strict'
  if (runtime === 'bun' && !capabilities.allowEval) {
    throw new FunctionError(
      'BAD_REQUEST',
      'The bun runtime needs the permissive profile, or a custom profile with allowEval, because eval cannot be disabled in a Bun worker. The sandbox enforces everything else that the profile says.',
    )
  }
  const { timeoutMs, maxWorkers, concurrency, exposeErrors, retry } = input
  return {
    version: input.version,
    settings: {
      runtime,
      handler: input.handler,
      capabilities,
      config: {
        profile,
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(maxWorkers !== undefined && { maxWorkers }),
        ...(concurrency !== undefined && { concurrency }),
        exposeErrors,
        ...(!retry && { retry }),
      },
    },
  }
}

/** @throws {FunctionError} BAD_REQUEST with the first invalid key */
export function checked<T>(
  schema: z.ZodType<T>,
  value: unknown,
  what?: string,
  names: Readonly<Record<string, string>> = {},
): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) {
    return parsed.data
  }
  const issue = parsed.error.issues[0]
  const path = [...(what === undefined ? [] : [what]), ...(issue?.path ?? [])].join('.')
  const key = names[path] ?? path
  const shown = typeof value === 'string' ? ` (got ${JSON.stringify(value.slice(0, 100))})` : ''
  throw new FunctionError(
    'BAD_REQUEST',
    `${key === '' ? '' : `${key}: `}${issue?.message}${shown}.`,
  )
}

function capabilitiesOf(
  input: z.output<typeof deploySettingsSchema>,
  names: Readonly<Record<string, string>>,
  project: ProjectOfSettings,
): Capabilities {
  const { profile, customProfile, maxMemory, maxCpu } = input
  if ((profile === 'custom') !== (customProfile !== undefined)) {
    const message =
      profile === 'custom'
        ? "The profile 'custom' needs customProfile, the JSON text of the profile."
        : "customProfile is only allowed with the profile 'custom'."
    throw new FunctionError('BAD_REQUEST', message)
  }
  const { name, profile: ceiling } = project
  const shown = profile ?? ceiling?.name ?? 'strict'
  let capabilities: Capabilities
  try {
    const base =
      profile === undefined && ceiling !== undefined
        ? { ...ceiling.capabilities, projectId: name }
        : isProfileName(shown)
          ? namedProfile(shown, name)
          : parseCustomProfile(customProfile ?? '', name)
    capabilities = lowerLimits(base, { maxMemory, maxCpu }, names)
  } catch (cause) {
    const why = (cause as Error).message
    throw new FunctionError('BAD_REQUEST', `The ${shown} profile: ${why}.`, { cause })
  }
  const wider = ceiling === undefined ? undefined : exceeds(capabilities, ceiling.capabilities)
  if (wider === undefined) return capabilities
  const message = `The ${shown} profile allows more than the profile of project '${name}' (${ceiling?.name}): ${wider}. Deploy with a narrower profile, or have an administrator change that of the project.`
  throw new FunctionError('FORBIDDEN', message)
}
