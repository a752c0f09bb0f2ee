// Objects of the Web APIs in a log, read with the original getters.

import { blobType, fileState, isBlob } from '../fetch/blob.js'
import { cryptoKeyView, formEntries } from '../idl/lazy-hooks.js'
import {
  ArrayPrototypePush,
  ObjectGetOwnPropertyDescriptor,
  ObjectKeys,
  primordialGlobals,
  uncurryThis,
} from '../idl/primordials.js'

const { Headers, Request, Response, URL, URLSearchParams } = primordialGlobals

const attributes = (constructor, names) => {
  const list = []
  for (let i = 0; i < names.length; i++) {
    const get = ObjectGetOwnPropertyDescriptor(constructor.prototype, names[i]).get
    ArrayPrototypePush(list, { __proto__: null, name: names[i], get: uncurryThis(get) })
  }
  return list
}

// Omits `body` and `signal`, which a read would create.
const known = [
  attributes(Response, ['status', 'statusText', 'ok', 'headers', 'bodyUsed']),
  attributes(Request, ['method', 'url', 'headers', 'bodyUsed']),
  attributes(URL, [
    'href',
    'origin',
    'protocol',
    'username',
    'password',
    'host',
    'hostname',
    'port',
    'pathname',
    'search',
    'hash',
  ]),
]
const pairs = [
  uncurryThis(Headers.prototype.forEach),
  uncurryThis(URLSearchParams.prototype.forEach),
]

function addAttributes(value, tools, entries) {
  for (let i = 0; i < known.length; i++) {
    try {
      for (let k = 0; k < known[i].length; k++) {
        const item = known[i][k].get(value)
        ArrayPrototypePush(entries, `${known[i][k].name}: ${tools.inspect(item)}`)
      }
      return true
    } catch {
      // not of this interface
    }
  }
  return false
}

function addPairs(value, tools, entries) {
  const add = (item, name) =>
    ArrayPrototypePush(entries, `${tools.inspect(name)} => ${tools.inspect(item)}`)
  for (let i = 0; i < pairs.length; i++) {
    try {
      pairs[i](value, add)
      return true
    } catch {
      // not of this interface
    }
  }
  const form = formEntries(value)
  for (let i = 0; form !== undefined && i < form.length; i++) add(form[i].value, form[i].name)
  return form !== undefined
}

function addKey(value, tools, entries) {
  const view = cryptoKeyView(value)
  if (view === undefined) return false
  const names = ObjectKeys(view)
  for (let i = 0; i < names.length; i++) {
    ArrayPrototypePush(entries, `${names[i]}: ${tools.inspect(view[names[i]])}`)
  }
  return true
}

export function describePlatformObject(value, _name, tools, shape) {
  if (tools.tooDeep || addKey(value, tools, shape.entries)) return shape
  if (addAttributes(value, tools, shape.entries)) return shape
  if (addPairs(value, tools, shape.entries) || !isBlob(value)) return shape
  ArrayPrototypePush(shape.entries, `type: ${tools.inspect(blobType(value))}`)
  const file = fileState(value)
  if (file !== undefined) ArrayPrototypePush(shape.entries, `name: ${tools.inspect(file.name)}`)
  return shape
}
