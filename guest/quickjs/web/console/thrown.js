// What a log shows of a value that nothing caught: a line, and below it what console.error shows.

import { classOf } from 'fn:web'
import { StringPrototypeIndexOf, StringPrototypeSlice } from '../idl/primordials.js'
import { className, inspect, unwrap } from './inspect.js'
import { headline } from './inspect-errors.js'

/** Joins the lines of an inspected object; the message of an error is one line. */
function oneLine(text) {
  let line = ''
  let from = 0
  for (;;) {
    const at = StringPrototypeIndexOf(text, '\n', from)
    if (at < 0) return line + StringPrototypeSlice(text, from)
    line += `${StringPrototypeSlice(text, from, at)} `
    from = at + 1
    while (text[from] === ' ') from++
  }
}

/**
 * `[line, more]`. Of an error, the line is its name and message, which C reads itself (undefined),
 * and `more` has its frames, its properties and the errors within it.
 */
export function describeThrown(value) {
  const target = typeof value === 'object' && value !== null ? unwrap(value) : null
  const kind = target === null ? '' : classOf(target)
  const text = inspect(value)
  if (kind !== 'Error' && kind !== 'DOMException') return [oneLine(text), '']
  const title = headline(target, className(target))
  const at = StringPrototypeIndexOf(text, title)
  const more = at < 0 ? '' : StringPrototypeSlice(text, at + title.length)
  return [
    target === value ? undefined : title,
    more[0] === '\n' ? StringPrototypeSlice(more, 1) : more,
  ]
}
