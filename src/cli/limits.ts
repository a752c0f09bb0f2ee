/** Flags that set limits, and the limits as people see them. */
import { checked } from '../admin/settings.ts'
import {
  dashed,
  formatLimit,
  type Level,
  LIMITS,
  type LimitName,
  type LimitsChange,
  limitsChangeSchema,
  namesOf,
} from '../limits/names.ts'

export function limitOptions(level: Level): { flags: string; help: string }[] {
  return namesOf(level).map((name) => ({
    flags: `--${dashed(name)} <${VALUES[LIMITS[name].unit]}>`,
    help: `limit: ${LIMITS[name].what}; none removes it`,
  }))
}

const VALUES = { count: 'count', ms: 'duration', bytes: 'size' }

/**
 * The change that the flags ask for; undefined if there is none of them.
 *
 * @throws {FunctionError} BAD_REQUEST that names the flag
 */
export function limitsOfFlags(
  level: Level,
  options: Readonly<Record<string, unknown>>,
): LimitsChange | undefined {
  const given = namesOf(level).filter((name) => options[name] !== undefined)
  if (given.length === 0) return undefined
  const flags = Object.fromEntries(given.map((name) => [name, `--${dashed(name)}`]))
  const values = Object.fromEntries(given.map((name) => [name, options[name]]))
  return checked(limitsChangeSchema(level), values, undefined, flags)
}

/** Below the line that says what was changed. */
export function indented(lines: readonly [string, string][]): string {
  return lines.map(([key, value]) => `  ${key.padEnd(28)} ${value}\n`).join('')
}

/** Lines for people: each limit that applies, and where it is set. */
export function limitLines(
  inForce: Readonly<Record<string, { value: number; level: string }>>,
): [string, string][] {
  return Object.entries(inForce).map(([name, { value, level }]) => [
    `limit ${name}`,
    `${name in LIMITS ? formatLimit(name as LimitName, value) : value} (${level})`,
  ])
}
