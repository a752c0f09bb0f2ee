// MIME types: https://mimesniff.spec.whatwg.org/#parsing-a-mime-type

import {
  ArrayPrototypePush,
  ObjectKeys,
  RegExpPrototypeExec,
  StringPrototypeCharCodeAt,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
} from '../idl/primordials.js'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const QUOTED = /^[\t\x20-\x7e\x80-\xff]*$/

const isSpace = (text, at) => {
  const code = StringPrototypeCharCodeAt(text, at)
  return code === 32 || code === 9 || code === 10 || code === 13
}

function trimSpace(text) {
  let from = 0
  let to = text.length
  while (from < to && isSpace(text, from)) from++
  while (to > from && isSpace(text, to - 1)) to--
  return StringPrototypeSlice(text, from, to)
}

function trimEnd(text) {
  let to = text.length
  while (to > 0 && isSpace(text, to - 1)) to--
  return StringPrototypeSlice(text, 0, to)
}

/** A quoted string whose quote is at `at`: [value, position after it]. */
function readQuoted(text, at) {
  let value = ''
  let i = at + 1
  for (; i < text.length && text[i] !== '"'; i++) {
    if (text[i] === '\\' && i + 1 < text.length) i++
    value += text[i]
  }
  return { __proto__: null, value, next: i + 1 }
}

function nextOf(text, character, from) {
  const found = StringPrototypeIndexOf(text, character, from)
  return found < 0 ? text.length : found
}

function readParameters(text, from, parameters) {
  let at = from
  while (at < text.length) {
    at++
    while (at < text.length && isSpace(text, at)) at++
    const semicolon = nextOf(text, ';', at)
    const equals = nextOf(text, '=', at)
    if (equals >= semicolon) {
      at = semicolon
      continue
    }
    const name = StringPrototypeToLowerCase(StringPrototypeSlice(text, at, equals))
    at = equals + 1
    let value
    if (text[at] === '"') {
      const quoted = readQuoted(text, at)
      value = quoted.value
      at = nextOf(text, ';', quoted.next)
    } else {
      const end = nextOf(text, ';', at)
      value = trimEnd(StringPrototypeSlice(text, at, end))
      at = end
      if (value === '') continue
    }
    if (
      RegExpPrototypeExec(TOKEN, name) !== null &&
      RegExpPrototypeExec(QUOTED, value) !== null &&
      !(name in parameters)
    ) {
      parameters[name] = value
    }
  }
}

/** A single MIME type; undefined when it is invalid. */
export function parseSingleMimeType(input) {
  const text = trimSpace(input)
  const slash = StringPrototypeIndexOf(text, '/')
  if (slash < 0) return undefined
  const end = nextOf(text, ';', slash)
  const type = StringPrototypeSlice(text, 0, slash)
  const subtype = trimEnd(StringPrototypeSlice(text, slash + 1, end))
  if (RegExpPrototypeExec(TOKEN, type) === null || RegExpPrototypeExec(TOKEN, subtype) === null)
    return undefined
  const parameters = { __proto__: null }
  readParameters(text, end, parameters)
  return {
    __proto__: null,
    type: StringPrototypeToLowerCase(type),
    subtype: StringPrototypeToLowerCase(subtype),
    parameters,
  }
}

/** The values of a combined header, split at commas outside of quotes. */
function splitValues(text) {
  const values = []
  let from = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') i = readQuoted(text, i).next - 1
    else if (text[i] === ',') {
      ArrayPrototypePush(values, StringPrototypeSlice(text, from, i))
      from = i + 1
    }
  }
  ArrayPrototypePush(values, StringPrototypeSlice(text, from))
  return values
}

/** "Extract a MIME type": the last valid one wins; undefined when none parses. */
export function parseMimeType(header) {
  const values = splitValues(header)
  let found
  let charset
  for (let i = 0; i < values.length; i++) {
    const mime = parseSingleMimeType(values[i])
    if (mime === undefined || (mime.type === '*' && mime.subtype === '*')) continue
    if (found === undefined || essence(found) !== essence(mime)) {
      charset = mime.parameters.charset
    } else if (mime.parameters.charset === undefined && charset !== undefined) {
      mime.parameters.charset = charset
    }
    found = mime
  }
  return found
}

export const essence = (mime) => `${mime.type}/${mime.subtype}`

export function serializeMimeType(mime) {
  let text = essence(mime)
  const names = ObjectKeys(mime.parameters)
  for (let i = 0; i < names.length; i++) {
    const value = mime.parameters[names[i]]
    text += `;${names[i]}=${value !== '' && RegExpPrototypeExec(TOKEN, value) !== null ? value : quote(value)}`
  }
  return text
}

function quote(value) {
  let text = '"'
  for (let i = 0; i < value.length; i++) {
    if (StringPrototypeIncludes('"\\', value[i])) text += '\\'
    text += value[i]
  }
  return `${text}"`
}
