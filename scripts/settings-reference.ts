/**
 * Writes the table of settings in docs/operations.md from src/config/schema.ts.
 * Run it with bun after a change of the schema; a test compares the two.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { CONFIG_KEYS, type ConfigKey } from '../src/config/keys.ts'
import { formatDuration, formatSize } from '../src/units.ts'

const BEGIN = '<!-- settings: begin -->'
const END = '<!-- settings: end -->'
export const OPERATIONS = new URL('../docs/operations.md', import.meta.url).pathname

/** The document with its table replaced by one that matches the schema. */
export function withSettings(document: string): string {
  const begin = document.indexOf(BEGIN)
  const end = document.indexOf(END)
  if (begin < 0 || end < begin) {
    throw new Error(`${OPERATIONS} must contain the lines "${BEGIN}" and "${END}", in this order`)
  }
  return `${document.slice(0, begin + BEGIN.length)}\n${settingsTable()}\n${document.slice(end)}`
}

function settingsTable(): string {
  const head = [
    '| key | flag | environment variable | default | SIGHUP | meaning |',
    '|---|---|---|---|---|---|',
  ]
  return [...head, ...CONFIG_KEYS.map(row)].join('\n')
}

function row(setting: ConfigKey): string {
  const { key, flag, env, help } = setting
  const applies = setting.reloadable ? 'applies' : 'restart'
  return `| \`${key}\` | \`--${flag}\` | \`${env}\` | ${defaultOf(setting)} | ${applies} | ${help} |`
}

function defaultOf({ schema, unit }: ConfigKey): string {
  if (!(schema instanceof z.ZodDefault)) return '-'
  const value: unknown = schema.parse(undefined)
  if (Array.isArray(value) && value.length === 0) return '-'
  if (typeof value !== 'number' || unit === undefined) return `\`${value}\``
  return `\`${unit === 'bytes' ? formatSize(value) : formatDuration(value)}\``
}

if (import.meta.main) {
  writeFileSync(OPERATIONS, withSettings(readFileSync(OPERATIONS, 'utf8')))
}
