import { z } from 'zod'
import { parseJson } from '../lib/json.ts'
import { formatDuration, formatSize, parseDuration, parseSize } from '../units.ts'
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

/** The defaults of a custom profile. */
const CUSTOM: Profile = {
  ...NOTHING_ALLOWED,
  maxMemory: 256 * MB,
  maxCpu: 60 * SECOND,
  maxFileDescriptors: 50,
}

const { shape } = capabilitiesSchema

/** A custom profile's file: as `Capabilities`, but sizes and durations may have units. */
const customSchema = z
  .strictObject({
    ...shape,
    maxMemory: withUnit(parseSize, 'a size such as "64MB"').pipe(shape.maxMemory),
    maxCpu: withUnit(parseDuration, 'a duration such as "500ms"').pipe(shape.maxCpu),
  })
  .partial()

/** The profiles that a deployment can choose by name. */
export const NAMED_PROFILES = { strict: STRICT, permissive: PERMISSIVE } as const

type ProfileName = keyof typeof NAMED_PROFILES

export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(NAMED_PROFILES, name)
}

export function namedProfile(name: ProfileName, projectId: string): Capabilities {
  return { ...structuredClone(NAMED_PROFILES[name]), projectId }
}

/**
 * Parses the JSON text of a custom profile. Everything that it does not name is off.
 *
 * @throws {Error} whose message, the rest of a sentence, names the invalid key
 * @example parseCustomProfile('{"allowNetwork":true,"maxMemory":"64MB"}', 'default')
 */
export function parseCustomProfile(text: string, projectId: string): Capabilities {
  let given: unknown
  try {
    given = parseJson(text)
  } catch (cause) {
    throw new Error(`it is not valid JSON (${(cause as Error).message})`, { cause })
  }
  const parsed = customSchema.safeParse(given)
  if (!parsed.success) {
    throw new Error(describeIssue(parsed.error))
  }
  const { projectId: named = projectId, ...changes } = parsed.data
  if (named !== projectId) {
    throw new Error(`projectId is '${named}', but the function belongs to project '${projectId}'`)
  }
  const set = Object.entries(changes).filter(([, value]) => value !== undefined)
  return { ...structuredClone(CUSTOM), ...Object.fromEntries(set), projectId }
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

/** The first issue, as `key: what`. */
function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  if (issue === undefined) {
    return 'it is not a valid profile'
  }
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(capabilitiesSchema.shape).join(', ')
    return `unknown key ${issue.keys.join(', ')}; the keys are ${known}`
  }
  const key = issue.path.join('.')
  return key === '' ? 'it must be one JSON object' : `${key}: ${issue.message}`
}

/** How a limit is written for people. */
const FORMATS = { maxMemory: formatSize, maxCpu: formatDuration } as const

/** The limits that a deployment can lower: bytes, CPU milliseconds. */
interface Lowering {
  maxMemory?: number | undefined
  maxCpu?: number | undefined
}

/**
 * Returns the capabilities with lower limits. A deployment cannot raise a limit of its profile.
 *
 * @param names what errors call a limit; its own name unless set
 * @throws {Error} with the profile's limit
 */
export function lowerLimits(
  capabilities: Capabilities,
  lowering: Lowering,
  names: Readonly<Record<string, string>> = {},
): Capabilities {
  const lowered = { ...capabilities }
  for (const key of ['maxMemory', 'maxCpu'] as const) {
    const wanted = lowering[key]
    if (wanted === undefined) {
      continue
    }
    const limit = capabilities[key]
    const name = names[key] ?? key
    if (wanted > limit) {
      const [asked, most] = [FORMATS[key](wanted), FORMATS[key](limit)]
      throw new Error(
        `${name} ${asked} is above the profile's limit of ${most}: a deployment can only lower it`,
      )
    }
    const parsed = capabilitiesSchema.shape[key].safeParse(wanted)
    if (!parsed.success) {
      throw new Error(`${name} ${FORMATS[key](wanted)}: ${parsed.error.issues[0]?.message}`)
    }
    lowered[key] = wanted
  }
  return lowered
}
