/**
 * Makes everything that follows from protocol/limits.json and protocol/messages.json: the constants
 * of both languages, the tables of docs/protocol.md and the golden frames. Run it after each change
 * of the protocol; with --check it only reports the files that are out of date.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import limitsJson from '../protocol/limits.json'
import messagesJson from '../protocol/messages.json'
import { GoldenFrames } from './protocol-golden.ts'

export interface Limit {
  name: string
  value: number
  unit: string
  bounds: string
  atLimit: string
}

export interface Field {
  name: string
  type: string
  min?: number
  /** A number, or the name of a limit. */
  max?: number | string
  maxLength?: string
  values?: string[]
  optional?: boolean
  meaning: string
}

export interface MessageDescription {
  type: string
  from: string
  meaning: string
  payload?: string
  fields: Field[]
}

const ROOT = join(import.meta.dir, '..')
const GOLDEN = 'protocol/golden'
const DOCUMENT = 'docs/protocol.md'
const limits: Limit[] = limitsJson
const messages: MessageDescription[] = messagesJson

const HEAD = 'Generated from protocol/limits.json by scripts/generate-protocol.ts; do not edit.'

function typeScript(): string {
  const constants = limits.map(({ name, value, bounds, atLimit, unit }) => {
    const number = String(value).replace(/\B(?=(\d{3})+$)/g, value > 9999 ? '_' : '')
    return `/**\n${comment(bounds, unit, atLimit)}\n */\nexport const ${name} = ${number}\n`
  })
  return `/**\n * The limits of the worker protocol.\n * ${HEAD}\n */\n\n${constants.join('\n')}`
}

function cHeader(): string {
  const constants = limits.map(({ name, value, bounds, atLimit, unit }) => {
    return `/*\n${comment(bounds, unit, atLimit)}\n */\n#define FN_${name} ${value}\n`
  })
  return [
    '/* The limits of the worker protocol.',
    ` * ${HEAD} */`,
    '/* clang-format off */',
    '#ifndef FN_PROTOCOL_LIMITS_H\n#define FN_PROTOCOL_LIMITS_H\n',
    constants.join('\n'),
    '#endif\n',
  ].join('\n')
}

function comment(bounds: string, unit: string, atLimit: string): string {
  const parts = [unit === '' ? bounds : `${bounds} Unit: ${unit}.`, atLimit]
  return wrapped(parts.filter((part) => part !== '').join(' '))
}

/** The lines of a comment, each at most 98 characters long. */
function wrapped(text: string): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length > 94) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.map((line) => ` * ${line}`).join('\n')
}

function limitsTable(): string {
  const rows = limits.map((limit) => {
    const value = limit.value.toLocaleString('en')
    return `| \`${limit.name}\` | ${value} | ${limit.unit} | ${limit.bounds} | ${limit.atLimit} |`
  })
  return [
    '| limit | value | unit | what it bounds | at the limit |',
    '| --- | --- | --- | --- | --- |',
  ]
    .concat(rows)
    .join('\n')
}

function messageTables(from: string): string {
  const chosen = messages.filter((message) => message.from === from)
  return chosen
    .map((message) => {
      const payload = message.payload === undefined ? 'No payload.' : `Payload: ${message.payload}.`
      const rows = message.fields.map((field) => {
        const name = `\`${field.name}\`${field.optional ? ' (optional)' : ''}`
        return `| ${name} | ${field.type} | ${boundsOf(field)} | ${field.meaning} |`
      })
      const table = ['| field | type | bounds | meaning |', '| --- | --- | --- | --- |', ...rows]
      return `#### \`${message.type}\`\n\n${message.meaning} ${payload}\n\n${table.join('\n')}`
    })
    .join('\n\n')
}

function boundsOf({ min, max, maxLength, values }: Field): string {
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(', ')
  if (maxLength !== undefined) return `at most ${maxLength}`
  const most = max === Number.MAX_SAFE_INTEGER ? '2^53 - 1' : max
  if (min !== undefined && max !== undefined) return min === max ? `${min}` : `${min} to ${most}`
  return min === undefined ? '' : `at least ${min}`
}

/** Replaces what stands between the markers of a document. */
function fillDocument(text: string): string {
  const begin = /<!-- generated: ([a-z ]+) -->[\s\S]*?<!-- end of generated -->/g
  return text.replace(begin, (_all, what: string) => {
    const [kind, from = ''] = what.split(' ')
    const table = kind === 'limits' ? limitsTable() : messageTables(from)
    return `<!-- generated: ${what} -->\n\n${table}\n\n<!-- end of generated -->`
  })
}

/** Path -> content of every generated file. */
export function generate(): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  files.set('src/worker/protocol/limits.ts', Buffer.from(typeScript()))
  files.set('guest/quickjs/core/protocol_limits.h', Buffer.from(cHeader()))
  files.set(DOCUMENT, Buffer.from(fillDocument(readFileSync(join(ROOT, DOCUMENT), 'utf8'))))
  for (const [file, bytes] of new GoldenFrames(messages, limits).files) {
    files.set(`${GOLDEN}/${file}`, bytes)
  }
  return files
}

/** Golden files that nothing generates any more. */
function leftOver(files: Map<string, Uint8Array>): string[] {
  const present = readdirSync(join(ROOT, GOLDEN), { recursive: true, encoding: 'utf8' })
  const frames = present.filter((file) => file.endsWith('.frames'))
  return frames.map((file) => `${GOLDEN}/${file}`).filter((path) => !files.has(path))
}

/** The generated files that differ from what they should be. */
export function outOfDate(): string[] {
  const files = generate()
  const changed = [...files].filter(([path, bytes]) => {
    const full = join(ROOT, path)
    return !existsSync(full) || !readFileSync(full).equals(bytes)
  })
  return [...changed.map(([path]) => path), ...leftOver(files)]
}

function write(): void {
  const files = generate()
  for (const path of leftOver(files)) rmSync(join(ROOT, path))
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true })
    writeFileSync(join(ROOT, path), bytes)
  }
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const files = outOfDate()
    if (files.length > 0) {
      console.error(`out of date, run scripts/generate-protocol.ts:\n${files.join('\n')}`)
      process.exit(1)
    }
  } else {
    write()
  }
}
