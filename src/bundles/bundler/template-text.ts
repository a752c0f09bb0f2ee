/** Finds the text of template literals in a source, which may look like code and is none. */

export type Range = readonly [from: number, to: number]

/** A slash behind one of these begins a regular expression, or a comment. */
const BEFORE_EXPRESSION = /(?:^|[([{,;=:!&|?+\-*%<>~^}]|\b(?:return|typeof|case|in|of|do|else))\s*$/

/** Bytes before a slash that are looked at. */
const LOOK_BACK = 40

/**
 * The ranges of the text between backquotes, without the expressions in it. A source that is no valid code
 * gives any ranges.
 */
export function templateTexts(source: string): Range[] {
  const ranges: Range[] = []
  /** For each open `${`: how many braces are open in it. */
  const open: number[] = []
  let at = 0

  /** Skips to behind `end` in the same line; the source goes on behind what does not end. */
  const skipLine = (end: RegExp): void => {
    end.lastIndex = at + 1
    at = end.test(source) ? end.lastIndex : at + 1
  }
  const skipTemplate = (): void => {
    const from = at
    while (at < source.length && source[at] !== '`' && !source.startsWith('${', at)) {
      at += source[at] === '\\' ? 2 : 1
    }
    ranges.push([from, at])
    if (source[at] === '$') {
      open.push(0)
      at++
    }
    at++
  }
  const skipSlash = (): void => {
    if (source[at + 1] === '/') {
      const end = source.indexOf('\n', at)
      at = end === -1 ? source.length : end
    } else if (source[at + 1] === '*') {
      const end = source.indexOf('*/', at + 2)
      at = end === -1 ? source.length : end + 2
    } else if (BEFORE_EXPRESSION.test(source.slice(Math.max(0, at - LOOK_BACK), at))) {
      skipLine(/(?:[^\\/[\n]|\\.|\[(?:[^\\\]\n]|\\.)*\])*\//y)
    } else {
      at++
    }
  }

  while (at < source.length) {
    const char = source[at]
    const depth = open.length - 1
    if (char === '`') {
      at++
      skipTemplate()
    } else if (char === '"') skipLine(/(?:[^"\\\n]|\\[\s\S])*"/y)
    else if (char === "'") skipLine(/(?:[^'\\\n]|\\[\s\S])*'/y)
    else if (char === '/') skipSlash()
    else if (char === '}' && open[depth] === 0) {
      open.pop()
      at++
      skipTemplate()
    } else {
      if (depth >= 0 && char === '{') open[depth] = (open[depth] ?? 0) + 1
      if (depth >= 0 && char === '}') open[depth] = (open[depth] ?? 0) - 1
      at++
    }
  }
  return ranges
}
