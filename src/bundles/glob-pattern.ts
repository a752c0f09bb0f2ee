/**
 * The glob pattern of an expression that names files: a string with `${}` in it, or one that is joined
 * with `+`. The rules are those of esbuild: a part that is not known becomes `*`, and after a `/` it
 * becomes `**` and `*`, so that it may contain folders.
 */

/** A text, or undefined for a part that is only known at run time. */
type Piece = string | undefined

/** An expression up to the `,` or `)` that ends it. */
export interface Expression {
  /** Undefined if it is not a string that is put together from parts. */
  pieces: Piece[] | undefined
  /** The index of the `,` or `)`. */
  end: number
}

export interface GlobPattern {
  /** As it is shown: `./pages/**` and so on. */
  text: string
  /** The folder of all matches, relative to the file with the expression: ends with `/`. */
  folder: string
  /** Matches the path that the expression may have. */
  matches: RegExp
}

/** The text of a bundle is the bundler's, so a longer expression is none that names a file. */
const MAX_EXPRESSION = 4096

/** @returns undefined if it does not end within MAX_EXPRESSION characters */
export function readExpression(code: string, from: number): Expression | undefined {
  const text = code.slice(from, from + MAX_EXPRESSION)
  const scanner = new Scanner(text)
  const pieces = scanner.concatenation()
  return scanner.at >= text.length ? undefined : { pieces, end: from + scanner.at }
}

/** @returns undefined if the pieces do not begin with a relative path, or have no unknown part */
export function globPattern(pieces: readonly Piece[]): GlobPattern | undefined {
  let text = ''
  let source = ''
  for (const piece of pieces) {
    if (piece !== undefined) {
      text += piece
      source += piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    } else if (text.endsWith('/')) {
      text += '**/*'
      source += '(?:[^/]+/)*[^/]*'
    } else if (!text.endsWith('*')) {
      text += '*'
      source += '[^/]*'
    }
  }
  const first = pieces[0]
  if (first === undefined || !/^\.{1,2}\//.test(first) || !pieces.includes(undefined)) {
    return undefined
  }
  const folder = first.slice(0, first.lastIndexOf('/') + 1)
  return { text, folder, matches: new RegExp(`^${source}$`) }
}

/** Reads JavaScript as the bundler prints it. */
class Scanner {
  at = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The parts between `+`; undefined if it is another expression. Stops at its end. */
  concatenation(): Piece[] | undefined {
    const pieces: Piece[] = []
    let whole = true
    for (;;) {
      this.#space()
      const char = this.#text[this.at]
      const literal = char === '"' || char === "'" || char === '`' ? this.#literal(char) : undefined
      const rest = this.#operand()
      if (rest === 'other') whole = false
      // What follows a literal makes it something else: './a'.length
      if (literal === undefined || rest === 'operand') pieces.push(undefined)
      else pieces.push(...literal)
      if (this.#text[this.at] !== '+') break
      this.at++
    }
    return whole ? pieces : undefined
  }

  #space(): void {
    while (/\s/.test(this.#text[this.at] ?? '')) this.at++
  }

  /** Reads up to the next `+`, `,` or `)` outside of brackets. */
  #operand(): 'nothing' | 'operand' | 'other' {
    let found: 'nothing' | 'operand' | 'other' = 'nothing'
    for (; this.at < this.#text.length; this.at++) {
      const char = this.#text[this.at] as string
      const next = this.#text[this.at + 1]
      if (char === ',' || char === ')') return found
      if (char === '+' && next !== '+') return found
      if (/\s/.test(char)) continue
      if (found === 'nothing') found = 'operand'
      if (char === '"' || char === "'" || char === '`') {
        this.#literal(char)
        this.at--
      } else if ('([{'.includes(char)) this.#brackets()
      else if (char === '?' && next === '.') this.at++
      // An operator that binds weaker than `+`, or as strong.
      else if ('?:=<>|&^-;+'.includes(char)) found = 'other'
    }
    return found
  }

  /** Skips what is in brackets; stops at the closing one. */
  #brackets(): void {
    let depth = 0
    for (; this.at < this.#text.length; this.at++) {
      const char = this.#text[this.at] as string
      if ('([{'.includes(char)) depth++
      else if (')]}'.includes(char) && --depth === 0) return
      else if (char === '"' || char === "'" || char === '`') {
        this.#literal(char)
        this.at--
      } else if (char === '/') this.#regexp()
    }
  }

  /** Skips a regular expression, if the `/` begins one; stops at its last character. */
  #regexp(): void {
    const before = this.#text.slice(0, this.at).trimEnd().at(-1) ?? '('
    if (!'([{,;:=!?&|+-*%~^<>'.includes(before)) return
    for (let inClass = false; ++this.at < this.#text.length; ) {
      const char = this.#text[this.at]
      if (char === '\\') this.at++
      else if (char === '[') inClass = true
      else if (char === ']') inClass = false
      else if (char === '/' && !inClass) return
    }
  }

  /** The parts of a string or template; stops behind it. An escape makes a part unknown. */
  #literal(quote: string): Piece[] {
    const pieces: Piece[] = []
    let text = ''
    let escaped = false
    for (this.at++; this.at < this.#text.length; this.at++) {
      const char = this.#text[this.at] as string
      if (char === quote) {
        this.at++
        break
      }
      if (char === '\\') {
        escaped = true
        this.at++
      } else if (quote === '`' && char === '$' && this.#text[this.at + 1] === '{') {
        pieces.push(text, undefined)
        text = ''
        this.at++
        this.#brackets()
      } else text += char
    }
    return escaped ? [undefined] : [...pieces, text].filter((piece) => piece !== '')
  }
}
