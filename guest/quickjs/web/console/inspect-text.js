// Layout of the parts of an inspected value.

import { classOf } from 'fn:web'
import {
  ArrayPrototypeJoin,
  JSONStringify,
  ObjectGetOwnPropertyDescriptor,
  StringPrototypeIncludes,
  StringPrototypeRepeat,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
} from '../idl/primordials.js'

const LINE = 76

/** The object's own name, if that is a data property; undefined for a proxy. */
export function functionName(value) {
  if (classOf(value) === 'Proxy') return ''
  const property = ObjectGetOwnPropertyDescriptor(value, 'name')
  return property !== undefined && typeof property.value === 'string' ? property.value : ''
}

/** Single quotes, or double or back quotes when the text contains single ones. */
export function quote(text) {
  const inner = StringPrototypeSlice(JSONStringify(text), 1, -1)
  const plain = StringPrototypeReplaceAll(inner, '\\"', '"')
  if (!StringPrototypeIncludes(text, "'")) return `'${plain}'`
  if (!StringPrototypeIncludes(text, '"')) return `"${plain}"`
  if (!StringPrototypeIncludes(text, '`') && !StringPrototypeIncludes(text, '${')) {
    return `\`${plain}\``
  }
  return `'${StringPrototypeReplaceAll(plain, "'", "\\'")}'`
}

function fits(prefix, entries) {
  let length = prefix.length + entries.length
  for (let i = 0; i < entries.length; i++) {
    length += entries[i].length + 1
    if (StringPrototypeIncludes(entries[i], '\n')) return false
  }
  return length <= LINE
}

/** On one line if it fits, otherwise one entry per line. */
export function breakLines(prefix, entries, open, close, depth) {
  if (entries.length === 0) return `${prefix}${open}${close}`
  if (fits(prefix, entries)) {
    return `${prefix}${open} ${ArrayPrototypeJoin(entries, ', ')} ${close}`
  }
  const indent = `\n${StringPrototypeRepeat('  ', depth)}`
  const last = `\n${StringPrototypeRepeat('  ', depth - 1)}`
  return `${prefix}${open}${indent}${ArrayPrototypeJoin(entries, `,${indent}`)}${last}${close}`
}
