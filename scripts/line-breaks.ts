/**
 * Breaks minified JavaScript into lines, so that a patch of it can be reviewed. It adds only line
 * breaks and indentation, at places where the language allows them, and changes no token.
 */

/** A comment, a string, a template literal without nested templates, or one character. */
const PIECE = /\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|[\s\S]/g

/** What may follow a `}` on the same line. */
const JOINED = /^[),;.\]`?:]/

export function breakLines(text: string): string {
  const open: string[] = []
  let out = ''
  let end = 0
  const newLine = () => {
    out += `\n${'  '.repeat(open.length)}`
  }
  for (const match of text.matchAll(PIECE)) {
    const [piece] = match
    end = match.index + piece.length
    const next = text[end] ?? ''
    if (piece === '}' || piece === ')') open.pop()
    if (piece === '}' && text[match.index - 1] !== '{') newLine()
    out += piece
    if (piece === '{' || piece === '(') open.push(piece)
    const inBlock = open.at(-1) !== '('
    if (next === '\n') continue
    if (piece === '{' && next !== '}') newLine()
    else if (piece === '}' && next !== '}' && !JOINED.test(next)) newLine()
    else if (piece === ';' && inBlock && next !== '}') newLine()
    else if (piece === ',' && inBlock && next !== '}') newLine()
  }
  return out
}
