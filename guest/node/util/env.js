/** util.parseEnv: the text of a file `.env`. */
import { validateString } from '../internal/validate.ts'

const LINE =
  /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|`([^`]*)`|([^#\r\n]*))/gm

export function parseEnv(content) {
  validateString(content, 'content')
  const values = {}
  for (const [, name, double, single, back, plain] of content.matchAll(LINE)) {
    values[name] = double?.replaceAll('\\n', '\n') ?? single ?? back ?? plain.trim()
  }
  return values
}
