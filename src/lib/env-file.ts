/**
 * Reads the text of a `.env` file by the rules of dotenv, and refuses what dotenv would skip or guess:
 * https://github.com/motdotla/dotenv#what-rules-does-the-parsing-engine-follow
 */
import { FunctionError } from '../errors.ts'

export interface EnvFileEntry {
  name: string
  value: string
  /** From 1. */
  line: number
}

const ASSIGNMENT = /[ \t]*(?:export[ \t]+)?([^\s=#'"`]+)[ \t]*=[ \t]*/y
const BLANK_OR_COMMENT = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y
const UNQUOTED = /[^#\n]*/y

/**
 * Returns the assignments of a file in their order. Values: `NAME=text`, trimmed, up to a `#`;
 * `NAME='text'` and `` NAME=`text` `` as they are; `NAME="text"` with `\n` and `\r` for line breaks.
 * Quoted values may have several lines. `export` in front of a name is ignored.
 *
 * @param file for errors
 * @throws {FunctionError} BAD_REQUEST with the line of what is not an assignment
 */
export function parseEnvFile(given: string, file: string): EnvFileEntry[] {
  const text = given.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n')
  const entries: EnvFileEntry[] = []
  let line = 1
  let counted = 0
  const lineAt = (at: number) => {
    for (; counted < at; counted++) if (text[counted] === '\n') line++
    return line
  }
  for (let at = 0; at < text.length; ) {
    const blank = match(BLANK_OR_COMMENT, text, at)
    if (blank !== undefined) {
      at += blank[0].length
      continue
    }
    const assignment = match(ASSIGNMENT, text, at)
    const where = { file, line: lineAt(at), column: 1 }
    if (assignment === undefined) {
      throw refusal('this is not a comment and not NAME=value', where)
    }
    at += assignment[0].length
    const name = assignment[1] as string
    const quote = text[at] ?? ''
    const quoted = quote !== '' && `'"\``.includes(quote)
    const end = quoted
      ? closing(text, at, quote)
      : at + (match(UNQUOTED, text, at)?.[0].length ?? 0)
    if (end === undefined) {
      throw refusal(`the value of ${name} begins with ${quote}, and no ${quote} ends it`, where)
    }
    const value = quoted ? unquoted(text.slice(at + 1, end), quote) : text.slice(at, end).trim()
    const rest = match(BLANK_OR_COMMENT, text, quoted ? end + 1 : end)
    if (rest === undefined) {
      throw refusal(`the value of ${name} goes on behind its closing ${quote}`, where)
    }
    at = (quoted ? end + 1 : end) + rest[0].length
    entries.push({ name, value, line: where.line })
  }
  return entries
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}

/** The place of the quote that ends a value. A backslash in front of a quote keeps it in the value. */
function closing(text: string, open: number, quote: string): number | undefined {
  for (let at = open; ; ) {
    at = text.indexOf(quote, at + 1)
    if (at < 0) return undefined
    if (text[at - 1] !== '\\') return at
  }
}

function unquoted(text: string, quote: string): string {
  return quote === '"' ? text.replaceAll('\\n', '\n').replaceAll('\\r', '\r') : text
}

function refusal(why: string, { file, line }: { file: string; line: number }): FunctionError {
  const message = `${file}:${line}: ${why}.`
  return new FunctionError('BAD_REQUEST', message, { position: { file, line, column: 1 } })
}
