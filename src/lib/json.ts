/** JSON that people write, with the place of what is wrong with it. */

/** The text without the byte order mark that editors on Windows put in front. */
export function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/** The text is not JSON. The place counts from 1; the byte order mark is not counted. */
export class JsonError extends Error {
  readonly line: number
  readonly column: number

  constructor(message: string, before: string, cause: unknown) {
    super(message, { cause })
    const lines = before.split('\n')
    this.line = lines.length
    this.column = (lines.at(-1)?.length ?? 0) + 1
  }
}

/**
 * Parses JSON that may begin with a byte order mark.
 *
 * @throws {JsonError}
 */
export function parseJson(marked: string): unknown {
  const text = withoutMark(marked)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const at = faultOf(text)
    const found = at < text.length ? `unexpected ${show(text.slice(at))}` : 'it ends too early'
    throw new JsonError(found, text.slice(0, at), cause)
  }
}

function show(rest: string): string {
  const [character = ''] = rest
  return /[\x20-\x7e]/.test(character)
    ? `'${character}'`
    : `character U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}

/** One token at a place, and white space behind it. */
const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a string of JSON contains none
  /(?:"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)|[[\]{},:])/y
const SPACE = /[ \t\n\r]*/y

/** Where the text stops being JSON. The engine's own error does not say. */
function faultOf(text: string): number {
  const open: string[] = []
  let expects: 'value' | 'key' | 'colon' | 'more' | 'nothing' = 'value'
  let first = false
  let at = skip(text, 0)
  while (at < text.length) {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(text)?.[0]
    if (token === undefined) return stringFault(text, at)
    const kind = token[0] as string
    const closes = kind === ']' || kind === '}'
    if (closes) {
      const matches = open.at(-1) === (kind === ']' ? '[' : '{')
      const allowed = expects === 'more' || (first && (expects === 'value' || expects === 'key'))
      if (!matches || !allowed) return at
      open.pop()
      expects = open.length === 0 ? 'nothing' : 'more'
    } else if (kind === '{' || kind === '[') {
      if (expects !== 'value') return at
      open.push(kind)
      expects = kind === '{' ? 'key' : 'value'
    } else if (kind === ',') {
      if (expects !== 'more') return at
      expects = open.at(-1) === '{' ? 'key' : 'value'
    } else if (kind === ':') {
      if (expects !== 'colon') return at
      expects = 'value'
    } else if (expects === 'key') {
      if (kind !== '"') return at
      expects = 'colon'
    } else {
      if (expects !== 'value') return at
      expects = open.length === 0 ? 'nothing' : 'more'
    }
    first = kind === '{' || kind === '['
    at = skip(text, at + token.length)
  }
  return text.length
}

/** The place in a token that is none: in a string, of the character that is not allowed. */
function stringFault(text: string, start: number): number {
  if (text[start] !== '"') return start
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const end = /["\u0000-\u001f]/g
  end.lastIndex = start + 1
  for (let match = end.exec(text); match !== null; match = end.exec(text)) {
    if (match[0] !== '"') return match.index
    const slashes = /\\*$/.exec(text.slice(start + 1, match.index))?.[0].length ?? 0
    // The string ends, so one of its escapes is wrong.
    if (slashes % 2 === 0) return start
  }
  return text.length
}

function skip(text: string, at: number): number {
  SPACE.lastIndex = at
  return at + (SPACE.exec(text)?.[0].length ?? 0)
}
