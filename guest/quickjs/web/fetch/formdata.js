// FormData: https://xhr.spec.whatwg.org/#interface-formdata

import { defineInterface, defineIterable, isObject, needArguments } from '../idl/idl.js'
import { registerFormData } from '../idl/lazy-hooks.js'
import {
  ArrayPrototypePush,
  ArrayPrototypeSplice,
  IteratorPrototype,
  ObjectCreate,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  primordialGlobals,
  ReflectApply,
  StringPrototypeToWellFormed,
  SymbolToStringTag,
} from '../idl/primordials.js'
import { blobBytes, blobType, fileState, isBlob, makeFile } from './blob.js'

const { TypeError } = primordialGlobals

let formEntries
let iteratorState

const toName = (value) => StringPrototypeToWellFormed(`${value}`)

/** An entry's value: a string, or a File; a Blob becomes a File named `blob`. */
function toValue(value, filename, named) {
  if (!isBlob(value)) {
    if (named) throw new TypeError('FormData: a file name requires a Blob')
    return toName(value)
  }
  const file = fileState(value)
  if (file !== undefined && !named) return value
  const name = named ? toName(filename) : 'blob'
  return makeFile(blobBytes(value), name, blobType(value), file?.lastModified)
}

export class FormData {
  #entries = []

  constructor(form = undefined, _submitter = undefined) {
    if (form !== undefined) throw new TypeError('FormData: form elements are not supported')
  }

  static {
    formEntries = (value) => (isObject(value) && #entries in value ? value.#entries : undefined)
  }

  append(name, value, filename = undefined) {
    const entries = this.#entries
    needArguments('FormData.append', arguments.length, 2)
    const key = toName(name)
    ArrayPrototypePush(entries, makeEntry(key, toValue(value, filename, arguments.length > 2)))
  }
  delete(name) {
    const entries = this.#entries
    needArguments('FormData.delete', arguments.length, 1)
    removeFrom(entries, toName(name), 0)
  }
  get(name) {
    const entries = this.#entries
    needArguments('FormData.get', arguments.length, 1)
    const index = indexOfName(entries, toName(name))
    return index < 0 ? null : entries[index].value
  }
  getAll(name) {
    const entries = this.#entries
    needArguments('FormData.getAll', arguments.length, 1)
    const key = toName(name)
    const values = []
    for (let i = 0; i < entries.length; i++) {
      if (entries[i].name === key) ArrayPrototypePush(values, entries[i].value)
    }
    return values
  }
  has(name) {
    const entries = this.#entries
    needArguments('FormData.has', arguments.length, 1)
    return indexOfName(entries, toName(name)) >= 0
  }
  set(name, value, filename = undefined) {
    const entries = this.#entries
    needArguments('FormData.set', arguments.length, 2)
    const key = toName(name)
    const entry = makeEntry(key, toValue(value, filename, arguments.length > 2))
    const index = indexOfName(entries, key)
    if (index < 0) {
      ArrayPrototypePush(entries, entry)
    } else {
      entries[index] = entry
      removeFrom(entries, key, index + 1)
    }
  }
  forEach(callback, thisArg = undefined) {
    const entries = this.#entries
    needArguments('FormData.forEach', arguments.length, 1)
    if (typeof callback !== 'function') throw new TypeError('FormData.forEach: not a function')
    for (let i = 0; i < entries.length; i++) {
      ReflectApply(callback, thisArg, [entries[i].value, entries[i].name, this])
    }
  }
  entries() {
    return makeIterator(this.#entries, 'entries')
  }
  keys() {
    return makeIterator(this.#entries, 'keys')
  }
  values() {
    return makeIterator(this.#entries, 'values')
  }
}
defineInterface(FormData, { global: false })
defineIterable(FormData)

const makeEntry = (name, value) => ({ __proto__: null, name, value })

function indexOfName(entries, name) {
  for (let i = 0; i < entries.length; i++) {
    if (entries[i].name === name) return i
  }
  return -1
}

function removeFrom(entries, name, from) {
  for (let i = entries.length - 1; i >= from; i--) {
    if (entries[i].name === name) ArrayPrototypeSplice(entries, i, 1)
  }
}

// The class keeps the state private; scripts see its `next` on a prototype as WebIDL defines it.
class FormDataIterator {
  #state
  constructor(entries, kind) {
    this.#state = { __proto__: null, entries, kind, index: 0 }
  }
  static {
    iteratorState = (iterator) => iterator.#state
  }
}

const iteratorPrototype = ObjectCreate(IteratorPrototype)
const { next } = {
  next() {
    const state = iteratorState(this)
    if (state.index >= state.entries.length) return { value: undefined, done: true }
    const { name, value } = state.entries[state.index++]
    if (state.kind === 'entries') return { value: [name, value], done: false }
    return { value: state.kind === 'keys' ? name : value, done: false }
  },
}
ObjectDefineProperty(iteratorPrototype, 'next', {
  __proto__: null,
  value: next,
  writable: true,
  enumerable: true,
  configurable: true,
})
ObjectDefineProperty(iteratorPrototype, SymbolToStringTag, {
  __proto__: null,
  value: 'FormData Iterator',
  configurable: true,
})

function makeIterator(entries, kind) {
  const iterator = new FormDataIterator(entries, kind)
  ObjectSetPrototypeOf(iterator, iteratorPrototype)
  return iterator
}

export function makeFormData(entries) {
  const data = new FormData()
  const list = formEntries(data)
  for (let i = 0; i < entries.length; i++) {
    ArrayPrototypePush(list, makeEntry(entries[i].name, entries[i].value))
  }
  return data
}

registerFormData(formEntries)
