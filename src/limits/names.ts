/** The limits that can be set on the installation, a project or a function. Where several apply, the lowest wins. */
import { z } from 'zod'
import { FunctionError } from '../errors.ts'
import { formatDuration, formatSize, parseDuration, parseSize } from '../units.ts'

/** Where a limit is set. */
export type Level = 'installation' | 'project' | 'function' | 'token'

type Unit = 'count' | 'ms' | 'bytes'

interface LimitKind {
  unit: Unit
  min: number
  max: number
  /** In tables and help: `requests per second`. */
  what: string
  /** It counts objects of a project, so that a function cannot have it. */
  ofProject?: boolean
  /** A token, which calls functions, can have it too. */
  ofToken?: boolean
}

const MAX_COUNT = 1_000_000_000
const MAX_BYTES = 2 ** 50
const DAY_MS = 86_400_000
/** CPU time of a day on 4096 cores. */
const MAX_CPU_MS = 4096 * DAY_MS

export const LIMITS = {
  rps: { unit: 'count', min: 1, max: 1_000_000, what: 'requests per second', ofToken: true },
  burst: {
    unit: 'count',
    min: 1,
    max: 1_000_000,
    what: 'requests at once, after a pause; without it as many as rps',
    ofToken: true,
  },
  concurrent: {
    unit: 'count',
    min: 1,
    max: 1_000_000,
    what: 'requests at the same time',
    ofToken: true,
  },
  workers: { unit: 'count', min: 1, max: 100_000, what: 'live workers' },
  memory: { unit: 'bytes', min: 2 ** 20, max: MAX_BYTES, what: 'memory of a worker' },
  cpu: { unit: 'ms', min: 1, max: DAY_MS, what: 'CPU time of a request' },
  cpuPerHour: { unit: 'ms', min: 1, max: MAX_CPU_MS, what: 'CPU time in an hour' },
  cpuPerDay: { unit: 'ms', min: 1, max: MAX_CPU_MS, what: 'CPU time in a day' },
  egressRequestsPerDay: {
    unit: 'count',
    min: 0,
    max: MAX_COUNT,
    what: 'outbound requests in a day',
  },
  egressBytesPerDay: {
    unit: 'bytes',
    min: 0,
    max: MAX_BYTES,
    what: 'bytes of outbound requests and their responses in a day',
  },
  functions: { unit: 'count', min: 0, max: MAX_COUNT, what: 'functions', ofProject: true },
  bundleSize: { unit: 'bytes', min: 1, max: MAX_BYTES, what: 'size of a bundle' },
  storage: { unit: 'bytes', min: 0, max: MAX_BYTES, what: 'size of all bundles that are kept' },
} as const satisfies Record<string, LimitKind>

export type LimitName = keyof typeof LIMITS

export const LIMIT_NAMES = Object.keys(LIMITS) as LimitName[]

/** The limits that are set on one level. */
export type Limits = Readonly<Partial<Record<LimitName, number>>>

/** A change of limits: a new value, or null to remove one. */
export type LimitsChange = Readonly<Partial<Record<LimitName, number | null | undefined>>>

/** The names that a level can have. */
export function namesOf(level: Level): LimitName[] {
  return LIMIT_NAMES.filter((name) => {
    const kind: LimitKind = LIMITS[name]
    if (level === 'token') return kind.ofToken === true
    return level !== 'function' || kind.ofProject !== true
  })
}

/** `cpu-per-hour`, for flags. */
export function dashed(name: LimitName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** A value for people: `64MB`, `60s`, `50`. */
export function formatLimit(name: LimitName, value: number): string {
  const { unit } = LIMITS[name]
  if (unit === 'bytes') return formatSize(value)
  return unit === 'ms' ? formatDuration(value) : String(value)
}

/** The value of a limit: a number of its unit, or a text with a unit. */
export function limitSchema(name: LimitName) {
  const { unit, min, max } = LIMITS[name]
  const example = { bytes: 'a size such as "64MB"', ms: 'a duration such as "60s"' }
  const what = unit === 'count' ? 'a whole number' : example[unit]
  const message = `must be ${what}, from ${formatLimit(name, min)} to ${formatLimit(name, max)}`
  return z
    .union([z.number(), z.string()], message)
    .transform((value) => parseValue(unit, value))
    .pipe(z.int(message).min(min, message).max(max, message))
}

/** What a request or a flag sets. Null or `none` removes a limit. */
export function limitsChangeSchema(level: Level) {
  const shape = Object.fromEntries(namesOf(level).map((name) => [name, changeOf(name)]))
  const known = namesOf(level).join(', ')
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `there is no limit '${issue.keys?.[0]}' of a ${level}: the limits are ${known}`
        : 'must be an object of limits',
  }) as unknown as z.ZodType<LimitsChange>
}

/**
 * The limits after a change.
 *
 * @throws {FunctionError} BAD_REQUEST if they do not fit each other
 */
export function changed(before: Limits, change: LimitsChange): Limits {
  const after: Partial<Record<LimitName, number>> = { ...before }
  for (const name of LIMIT_NAMES) {
    const value = change[name]
    if (value === null) delete after[name]
    else if (value !== undefined) after[name] = value
  }
  if (after.burst !== undefined && after.rps === undefined) {
    const message = 'The limit burst needs rps: set rps too, or remove burst.'
    throw new FunctionError('BAD_REQUEST', message)
  }
  return after
}

/** The limits of the settings, or of a row of the database. Names of a later release are left out. */
export function limitsOf(stored: Readonly<Record<string, number | undefined>>): Limits {
  const known = LIMIT_NAMES.filter((name) => stored[name] !== undefined)
  return Object.fromEntries(known.map((name) => [name, stored[name]]))
}

function changeOf(name: LimitName) {
  const none = z.union([z.null(), z.literal('none')]).transform(() => null)
  return z
    .union([none, limitSchema(name)], { error: (issue) => reasonOf(name, issue.input) })
    .optional()
}

/** A union reports no reason of its own. */
function reasonOf(name: LimitName, input: unknown): string | undefined {
  return limitSchema(name).safeParse(input).error?.issues[0]?.message
}

function parseValue(unit: Unit, value: number | string): number {
  if (typeof value === 'number') return value
  if (unit === 'count') return /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  return (unit === 'ms' ? parseDuration(value) : parseSize(value)) ?? Number.NaN
}
