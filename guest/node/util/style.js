/** util.styleText */
import { validateBoolean, validateOneOf, validateString } from '../internal/validate.ts'
import { inspect } from './inspect.js'

/** A worker's output is a log and no terminal, but the text may go elsewhere: it is always styled. */
export function styleText(format, text, { validateStream = true } = {}) {
  validateString(text, 'text')
  validateBoolean(validateStream, 'options.validateStream')
  let [open, close] = ['', '']
  for (const name of [format].flat()) {
    if (name === 'none') continue
    const codes = inspect.colors[name]
    if (codes === undefined) validateOneOf(name, 'format', Object.keys(inspect.colors))
    open += `\u001b[${codes[0]}m`
    close = `\u001b[${codes[1]}m${close}`
  }
  return `${open}${text}${close}`
}
