import { z } from 'zod'
import { type Capabilities, capabilitiesSchema } from './schema.ts'

const MB = 2 ** 20
const SECOND = 1000

type Profile = Omit<Capabilities, 'projectId'>

const NOTHING_ALLOWED = {
  allowFilesystem: false,
  allowedPaths: [],
  allowNetwork: false,
  allowedDomains: [],
  allowChildProcess: false,
  allowEval: false,
}

const STRICT: Profile = {
  ...NOTHING_ALLOWED,
  maxMemory: 100 * MB,
  maxCpu: 30 * SECOND,
  maxFileDescriptors: 10,
}

const PERMISSIVE: Profile = {
  allowFilesystem: true,
  allowedPaths: [],
  allowNetwork: true,
  allowedDomains: [],
  allowChildProcess: true,
  allowEval: true,
  maxMemory: 512 * MB,
  maxCpu: 300 * SECOND,
  maxFileDescriptors: 100,
}

/** What a custom profile is where its file says nothing. */
const CUSTOM: Profile = {
  ...NOTHING_ALLOWED,
  maxMemory: 256 * MB,
  maxCpu: 60 * SECOND,
  maxFileDescriptors: 50,
}

/** The profiles that have a name of their own. */
export const NAMED_PROFILES = { strict: STRICT, permissive: PERMISSIVE } as const

export type ProfileName = keyof typeof NAMED_PROFILES

export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(NAMED_PROFILES, name)
}

export function namedProfile(name: ProfileName, projectId: string): Capabilities {
  return { ...structuredClone(NAMED_PROFILES[name]), projectId }
}

/** Reads sizes and durations with units; handed in because this folder stands on its own. */
export interface UnitParsers {
  size(text: string): number | undefined
  duration(text: string): number | undefined
}

/**
 * A custom profile from the text of its JSON file: everything off but what it names.
 *
 * @throws {Error} whose message names the key that is wrong
 * @example parseCustomProfile('{"allowNetwork":true,"maxMemory":"64MB"}', 'default', units)
 */
export function parseCustomProfile(
  text: string,
  projectId: string,
  units: UnitParsers,
): Capabilities {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch (cause) {
    throw new Error('it is not JSON', { cause })
  }
  const parsed = customSchema(units).safeParse(given)
  if (!parsed.success) {
    throw new Error(describeIssue(parsed.error))
  }
  const { projectId: named = projectId, ...changes } = parsed.data
  if (named !== projectId) {
    throw new Error(`projectId: is '${named}', but the function belongs to '${projectId}'`)
  }
  const set = Object.entries(changes).filter(([, value]) => value !== undefined)
  return { ...structuredClone(CUSTOM), ...Object.fromEntries(set), projectId }
}

function customSchema(units: UnitParsers) {
  const shape = capabilitiesSchema.shape
  return z
    .strictObject({
      ...shape,
      maxMemory: withUnit(units.size, 'a size such as "64MB"').pipe(shape.maxMemory),
      maxCpu: withUnit(units.duration, 'a duration such as "500ms"').pipe(shape.maxCpu),
    })
    .partial()
}

function withUnit(parse: (text: string) => number | undefined, what: string) {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const number = typeof value === 'number' ? value : parse(value)
    if (number === undefined) {
      context.addIssue({ code: 'custom', message: `must be ${what}` })
      return z.NEVER
    }
    return number
  })
}

/** The first thing that is wrong, as `key: what`. */
function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  if (issue === undefined) {
    return 'it does not validate'
  }
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(capabilitiesSchema.shape).join(', ')
    return `${issue.keys.join(', ')}: no such key; the keys are ${known}`
  }
  const key = issue.path.join('.')
  return key === '' ? 'it must be one JSON object' : `${key}: ${issue.message}`
}

/** A limit that a deployment's flag asks to lower. */
export interface Lowering {
  maxMemory?: number | undefined
  maxCpu?: number | undefined
}

/**
 * The capabilities with lower limits. A flag never raises what the profile gives.
 *
 * @param show writes a limit for people
 * @throws {Error} that names the profile's value
 */
export function lowerLimits(
  capabilities: Capabilities,
  lowering: Lowering,
  show: { maxMemory(bytes: number): string; maxCpu(ms: number): string },
): Capabilities {
  const lowered = { ...capabilities }
  for (const key of ['maxMemory', 'maxCpu'] as const) {
    const wanted = lowering[key]
    if (wanted === undefined) {
      continue
    }
    const limit = capabilities[key]
    if (wanted > limit) {
      const [asked, most] = [show[key](wanted), show[key](limit)]
      throw new Error(`${key} ${asked} is above the profile's ${most}: a flag may only lower it`)
    }
    const parsed = capabilitiesSchema.shape[key].safeParse(wanted)
    if (!parsed.success) {
      throw new Error(`${key} ${show[key](wanted)}: ${parsed.error.issues[0]?.message}`)
    }
    lowered[key] = wanted
  }
  return lowered
}
