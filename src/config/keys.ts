import { z } from 'zod'
import { type Config, configSchema } from './schema.ts'
import { withoutCredentials } from './values.ts'

/** One setting with its key, environment variable and flag. */
export interface ConfigKey {
  section: string
  /** Name in `Config`. */
  name: string
  /** Key in the file: `server.max_body`. */
  key: string
  /** `FUNCTIONS_SERVER_MAX_BODY`. */
  env: string
  /** Flag without dashes: `max-body`. */
  flag: string
  help: string
  /** Unit of the number in `Config`. */
  unit: 'bytes' | 'ms' | undefined
  /** SIGHUP applies a changed value; otherwise it needs a restart. */
  reloadable: boolean
  /** The value may contain a password, which is never shown. */
  credentials: boolean
  schema: z.ZodType
}

/** Settings that every command needs have a variable without the section. */
const GLOBAL_ENV: Record<string, string> = {
  'server.data_dir': 'FUNCTIONS_DATA_DIR',
  'server.socket': 'FUNCTIONS_SOCKET',
}

/** The key for secrets. It is no setting: it stands in no file and no argument, and is never shown. */
export const SECRET_KEY_VARIABLE = 'FUNCTIONS_SECRET_KEY'

/** A service sets it, in the environment of the process that takes over from it. It is not a setting. */
export const SUCCESSOR_VARIABLE = 'FUNCTIONS_SUCCESSOR'

export const CONFIG_KEYS: readonly ConfigKey[] = Object.entries(configSchema.shape).flatMap(
  ([section, { shape }]) =>
    Object.entries<z.ZodType>(shape).map(([name, schema]) => describeKey(section, name, schema)),
)

/** The value as people may see it: without credentials. */
export function shown({ credentials }: ConfigKey, value: unknown): unknown {
  return credentials && typeof value === 'string' ? withoutCredentials(value) : value
}

/** The value of every setting that has one, by its key; without credentials. */
export function settingsOf(config: Config): Record<string, unknown> {
  const values = config as unknown as Record<string, Record<string, unknown>>
  const rows = CONFIG_KEYS.map((setting) => {
    return [setting.key, shown(setting, values[setting.section]?.[setting.name])] as const
  })
  return Object.fromEntries(rows.filter(([, value]) => value !== undefined))
}

function describeKey(section: string, name: string, schema: z.ZodType): ConfigKey {
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const key = `${section}.${snake}`
  const dashed = snake.replaceAll('_', '-')
  return {
    section,
    name,
    key,
    env: GLOBAL_ENV[key] ?? `FUNCTIONS_${section}_${snake}`.toUpperCase(),
    flag: section === 'server' ? dashed : `${section}-${dashed}`,
    help: schema.description ?? '',
    unit: unitOf(schema),
    reloadable: schema.meta()?.reloadable === true,
    credentials: schema.meta()?.credentials === true,
    schema,
  }
}

/** The unit is on the inner schema, below the wrapper that adds the default. */
function unitOf(schema: z.ZodType): ConfigKey['unit'] {
  const { unit } = schema.meta() ?? {}
  if (unit === 'bytes' || unit === 'ms') {
    return unit
  }
  return schema instanceof z.ZodDefault ? unitOf(schema.unwrap() as z.ZodType) : undefined
}

/** The known word that is most similar to a mistyped one; undefined if none is similar. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= 2 ? best.candidate : undefined
}

/** Damerau-Levenshtein distance: letters inserted, deleted, replaced, or two neighbours swapped. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const changed = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
          ? at(i - 2, j - 2) + 1
          : changed
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, changed, swapped))
    }
  }
  return at(a.length, b.length)
}
