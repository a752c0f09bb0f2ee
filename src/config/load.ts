import { statSync } from 'node:fs'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { KEY_FILE } from '../secrets/key-file.ts'
import { type FileEntry, readConfigFile } from './file.ts'
import {
  CONFIG_KEYS,
  type ConfigKey,
  nearest,
  SECRET_KEY_VARIABLE,
  SUCCESSOR_VARIABLE,
  shown,
} from './keys.ts'
import { type Config, configSchema } from './schema.ts'

/** Where a value came from, in order of precedence. */
type SourceKind = 'flag' | 'environment' | 'file' | 'default'

interface ConfigSource {
  kind: SourceKind
  /** For a value of the file. */
  line?: number
  /** For people: `--port`, `FUNCTIONS_SERVER_PORT`, `functions.toml:3`, `default`. */
  label: string
}

export interface LoadedConfig {
  config: Config
  /** By key of the file: `server.port`. */
  sources: ReadonlyMap<string, ConfigSource>
  /** The file that was read; `named` says whether the user pointed at it. */
  file: { path: string; named: boolean } | undefined
  warnings: string[]
  /** FUNCTIONS_SECRET_KEY. */
  secretKey: string | undefined
  /**
   * Reads the same flags, the same environment and the file as it is now.
   *
   * @throws {FunctionError} CONFIG_INVALID
   */
  again(): LoadedConfig
}

interface ConfigInput {
  /** By flag without its dashes, `config` included. */
  flags: Readonly<Record<string, string>>
  env: Readonly<Record<string, string | undefined>>
}

/** Read from the working directory unless --config or FUNCTIONS_CONFIG names another file. */
const DEFAULT_CONFIG_FILE = 'functions.toml'

/** Variables of commands, which are no settings of the service. */
const COMMAND_VARIABLES = [
  'FUNCTIONS_CONFIG',
  'FUNCTIONS_URL',
  'FUNCTIONS_TOKEN',
  'FUNCTIONS_PROJECT',
]

interface Setting {
  value: unknown
  source: ConfigSource
}

/**
 * Loads every setting: a flag overrides the environment, that the file, that the default.
 *
 * @throws {FunctionError} CONFIG_INVALID with the key or variable, and for the file its line;
 * BAD_REQUEST for a flag
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const { flags, env } = input
  const warnings = checkEnvironment(env)
  const named = flags.config ?? nonEmpty(env.FUNCTIONS_CONFIG)
  const path = named ?? DEFAULT_CONFIG_FILE
  if (named === undefined) refusePipe(path)
  const entries = readConfigFile(path)
  if (entries === undefined && named !== undefined) {
    throw new FunctionError(
      'CONFIG_INVALID',
      `The configuration file ${path} does not exist: check --config or FUNCTIONS_CONFIG.`,
    )
  }
  const fromFile = indexEntries(path, entries ?? [])
  const sources = new Map<string, ConfigSource>()
  const values: Record<string, Record<string, unknown>> = {}
  for (const key of CONFIG_KEYS) {
    const setting =
      fromFlag(key, flags) ??
      fromEnvironment(key, env) ??
      fromFile.get(key.key) ??
      unset(key, values)
    sources.set(key.key, setting.source)
    values[key.section] ??= {}
    Object.assign(values[key.section] as object, { [key.name]: check(key, setting, path) })
  }
  return {
    // Each value was validated by its own schema. The whole is not parsed again: `64MB` is a number
    // by now.
    config: values as unknown as Config,
    sources,
    file: entries === undefined ? undefined : { path, named: named !== undefined },
    warnings,
    secretKey: nonEmpty(env[SECRET_KEY_VARIABLE]),
    again: () => loadAgain(input, path, entries !== undefined),
  }
}

/** Whoever names a pipe wants it to be read. One that lies in the working directory would block every command. */
function refusePipe(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO() !== true) return
  const message = `The configuration file ${path} in this folder is a pipe: remove it, or name it with --config.`
  throw new FunctionError('CONFIG_INVALID', message)
}

function loadAgain(input: ConfigInput, path: string, existed: boolean): LoadedConfig {
  // Reading a pipe would block the service, or end at once: `--config <(command)` is a pipe.
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
    throw new FunctionError(
      'CONFIG_INVALID',
      `The configuration file ${path} is not a regular file, so it cannot be read again.`,
    )
  }
  const loaded = loadConfig(input)
  // A file may be gone for a moment while an editor replaces it. Its settings must not become defaults.
  if (existed && loaded.file === undefined) {
    throw new FunctionError(
      'CONFIG_INVALID',
      `The configuration file ${path} does not exist any more: restore it, or leave it empty to use the defaults.`,
    )
  }
  return loaded
}

function fromFlag(key: ConfigKey, flags: ConfigInput['flags']): Setting | undefined {
  const value = flags[key.flag]
  return value === undefined
    ? undefined
    : { value, source: { kind: 'flag', label: `--${key.flag}` } }
}

function fromEnvironment(key: ConfigKey, env: ConfigInput['env']): Setting | undefined {
  const value = nonEmpty(env[key.env])
  return value === undefined
    ? undefined
    : { value, source: { kind: 'environment', label: key.env } }
}

/** An empty variable counts as unset: `VARIABLE= command` unsets it for one command. */
function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

function unset(key: ConfigKey, values: Record<string, Record<string, unknown>>): Setting {
  const source: ConfigSource = { kind: 'default', label: 'default' }
  if (key.key === 'server.socket') {
    return { value: join(String(values.server?.dataDir), 'functions.sock'), source }
  }
  if (key.key === 'secrets.key_file') {
    return { value: join(String(values.server?.dataDir), KEY_FILE), source }
  }
  return { value: undefined, source }
}

function check(key: ConfigKey, { value, source }: Setting, path: string): unknown {
  const parsed = key.schema.safeParse(value)
  if (parsed.success) {
    checkExposure(key, parsed.data, source)
    return parsed.data
  }
  const given = key.credentials ? '' : `, not ${JSON.stringify(value)}`
  const what = `${key.key} ${parsed.error.issues[0]?.message}${given}`
  if (source.kind === 'flag') {
    throw new FunctionError('BAD_REQUEST', `${source.label}: ${what}.`)
  }
  const { line } = source
  throw new FunctionError('CONFIG_INVALID', `${source.label}: ${what}.`, {
    ...(line !== undefined && { position: { file: path, line, column: 1 } }),
  })
}

/** Every user of the machine can read the arguments of a process. */
function checkExposure(key: ConfigKey, value: unknown, source: ConfigSource): void {
  if (source.kind !== 'flag' || !key.credentials || shown(key, value) === value) return
  throw new FunctionError(
    'BAD_REQUEST',
    `${source.label}: a password on the command line can be read by every user of this machine. Set ${key.env} or ${key.key} in the configuration file instead.`,
  )
}

function indexEntries(path: string, entries: FileEntry[]): Map<string, Setting> {
  const known = new Set(CONFIG_KEYS.map((key) => key.key))
  const index = new Map<string, Setting>()
  for (const { key, value, line } of entries) {
    if (Object.hasOwn(configSchema.shape, key) && isEmptyTable(value)) {
      continue
    }
    if (!known.has(key)) {
      const message = `${path}:${line}: ${key} is not a setting${suggestion(key, [...known])}.`
      throw new FunctionError('CONFIG_INVALID', message, {
        position: { file: path, line, column: 1 },
      })
    }
    index.set(key, { value, source: { kind: 'file', label: `${path}:${line}`, line } })
  }
  return index
}

function isEmptyTable(value: unknown): boolean {
  return JSON.stringify(value) === '{}'
}

/**
 * Returns a warning for each unknown FUNCTIONS_ variable. It may belong to another program: a
 * container platform sets FUNCTIONS_SERVICE_HOST for a service of that name. An unknown variable
 * with the prefix of a section is a mistake and throws.
 */
function checkEnvironment(env: ConfigInput['env']): string[] {
  const known = [
    ...CONFIG_KEYS.map((key) => key.env),
    ...COMMAND_VARIABLES,
    SUCCESSOR_VARIABLE,
    SECRET_KEY_VARIABLE,
  ]
  const sections = Object.keys(configSchema.shape).map((name) => `FUNCTIONS_${name.toUpperCase()}_`)
  const warnings: string[] = []
  for (const name of Object.keys(env)) {
    if (!name.startsWith('FUNCTIONS_') || known.includes(name)) {
      continue
    }
    const what = `The environment variable ${name} is not a setting${suggestion(name, known)}`
    if (sections.some((section) => name.startsWith(section))) {
      throw new FunctionError('CONFIG_INVALID', `${what}.`)
    }
    warnings.push(`${what}; it is ignored.`)
  }
  return warnings
}

function suggestion(word: string, known: readonly string[]): string {
  const near = nearest(word, known)
  return near === undefined ? '' : ` (did you mean ${near}?)`
}
