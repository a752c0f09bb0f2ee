// What each kind of object shows besides its properties: { prefix, entries, open, close, skip }, or
// { whole } when it is only a text.

import { promiseResult } from 'fn:web'
import {
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  ArrayPrototypePush,
  BigIntPrototypeValueOf,
  BooleanPrototypeValueOf,
  DatePrototypeGetTime,
  DatePrototypeToISOString,
  MapPrototypeForEach,
  MapPrototypeGetSize,
  NumberIsNaN,
  NumberPrototypeValueOf,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetPrototypeOf,
  primordialGlobals,
  ReflectOwnKeys,
  RegExpPrototypeGetFlags,
  RegExpPrototypeGetSource,
  SetPrototypeAdd,
  SetPrototypeForEach,
  SetPrototypeGetSize,
  SetPrototypeHas,
  StringPrototypeValueOf,
  SymbolPrototypeToString,
  SymbolPrototypeValueOf,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetTag,
} from '../idl/primordials.js'
import { describeError } from './inspect-errors.js'
import { describePlatformObject } from './inspect-platform.js'
import { functionName } from './inspect-text.js'

/** Constructors of the platform are shown as functions, those of scripts as classes. */
const platform = new primordialGlobals.Set()
const globalNames = ReflectOwnKeys(primordialGlobals)
for (let i = 0; i < globalNames.length; i++) {
  SetPrototypeAdd(platform, primordialGlobals[globalNames[i]])
}

/**
 * A class cannot lose its prototype; its source, which would begin with `class`, may be missing.
 */
function isClass(value) {
  const property = ObjectGetOwnPropertyDescriptor(value, 'prototype')
  return property !== undefined && property.writable === false && !SetPrototypeHas(platform, value)
}

const MAX_KEYS = 1000

function shape(prefix, open = '{', close = '}') {
  return { __proto__: null, prefix, open, close, entries: [], skip: { __proto__: null } }
}

const bare = (text) => ({ ...shape(text), bare: text })
const called = (name, plain) => (name === null ? `[${plain}: null prototype]` : name)

function more(list, all, shown, what) {
  const left = all - shown
  if (left > 0) ArrayPrototypePush(list, `... ${left} more ${what}${left === 1 ? '' : 's'}`)
}

/** Skips the indexes, or all keys when the list is long, since few of its keys are not indexes. */
function skipIndexes(result, size) {
  result.skip.indexes = true
  result.skip.all = size > MAX_KEYS
}

function describeArray(value, name, tools) {
  const size = value.length
  const result = shape(name === 'Array' ? '' : `${called(name, 'Array')}(${size})`, '[', ']')
  skipIndexes(result, size)
  if (tools.tooDeep) return result
  let holes = 0
  const flush = () => {
    if (holes > 0)
      ArrayPrototypePush(result.entries, `<${holes} empty item${holes > 1 ? 's' : ''}>`)
    holes = 0
  }
  let i = 0
  for (; i < size && result.entries.length < tools.maxEntries && holes < 100000; i++) {
    const property = ObjectGetOwnPropertyDescriptor(value, i)
    if (property === undefined) {
      holes++
      continue
    }
    flush()
    const text = 'value' in property ? tools.inspect(property.value) : '[Getter]'
    ArrayPrototypePush(result.entries, text)
  }
  flush()
  more(result.entries, size, i, 'item')
  return result
}

function describeMap(value, name, tools) {
  const size = MapPrototypeGetSize(value)
  const result = shape(`${called(name, 'Map')}(${size})`)
  if (tools.tooDeep) return result
  let shown = 0
  MapPrototypeForEach(value, (item, key) => {
    if (shown++ < tools.maxEntries) {
      ArrayPrototypePush(result.entries, `${tools.inspect(key)} => ${tools.inspect(item)}`)
    }
  })
  more(result.entries, size, tools.maxEntries, 'item')
  return result
}

function describeSet(value, name, tools) {
  const size = SetPrototypeGetSize(value)
  const result = shape(`${called(name, 'Set')}(${size})`)
  if (tools.tooDeep) return result
  let shown = 0
  SetPrototypeForEach(value, (item) => {
    if (shown++ < tools.maxEntries) ArrayPrototypePush(result.entries, tools.inspect(item))
  })
  more(result.entries, size, tools.maxEntries, 'item')
  return result
}

function describeTypedArray(value, _name, tools) {
  const size = TypedArrayPrototypeGetLength(value)
  const result = shape(`${TypedArrayPrototypeGetTag(value)}(${size})`, '[', ']')
  skipIndexes(result, size)
  for (let i = 0; i < size && i < tools.maxEntries; i++) {
    ArrayPrototypePush(result.entries, tools.inspect(value[i]))
  }
  more(result.entries, size, tools.maxEntries, 'item')
  return result
}

function describeFunction(value, name) {
  const own = functionName(value)
  if (isClass(value)) {
    const parent = ObjectGetPrototypeOf(value)
    const from = typeof parent === 'function' ? functionName(parent) : ''
    const of = own === '' ? '(anonymous)' : own
    return bare(`[class ${of}${from === '' ? '' : ` extends ${from}`}]`)
  }
  const kind = name === null ? 'Function' : name
  return bare(own === '' ? `[${kind} (anonymous)]` : `[${kind}: ${own}]`)
}

function describePromise(value, name, tools) {
  const result = shape(called(name, 'Promise'))
  const settled = promiseResult(value)
  const text =
    settled === undefined
      ? '<pending>'
      : `${settled[0] ? '' : '<rejected> '}${tools.inspect(settled[1])}`
  ArrayPrototypePush(result.entries, text)
  return result
}

function describeBuffer(value, name) {
  const result = shape(called(name, 'ArrayBuffer'))
  const text = ArrayBufferPrototypeGetDetached(value)
    ? '(detached)'
    : `byteLength: ${ArrayBufferPrototypeGetByteLength(value)}`
  ArrayPrototypePush(result.entries, text)
  return result
}

function describeDate(value) {
  const time = DatePrototypeGetTime(value)
  return bare(NumberIsNaN(time) ? 'Invalid Date' : DatePrototypeToISOString(value))
}

function describeObject(value, name, tools) {
  const plain = name === 'Object' && ObjectGetPrototypeOf(value) !== null
  const result = shape(plain ? '' : called(name, 'Object'))
  return plain ? result : describePlatformObject(value, name, tools, result)
}

const unknownItems = (kind) => (_value, name) => {
  const result = shape(called(name, kind))
  ArrayPrototypePush(result.entries, '<items unknown>')
  return result
}

const boxed = (kind, valueOf) => (value, _name, tools) => {
  const inner = valueOf(value)
  const result = bare(`[${kind}: ${tools.inspect(inner)}]`)
  if (kind === 'String') skipIndexes(result, inner.length)
  return result
}

const kinds = {
  __proto__: null,
  Array: describeArray,
  ArrayBuffer: describeBuffer,
  BigInt: boxed('BigInt', BigIntPrototypeValueOf),
  Boolean: boxed('Boolean', BooleanPrototypeValueOf),
  Date: describeDate,
  DOMException: describeError,
  Error: describeError,
  Function: describeFunction,
  Map: describeMap,
  Number: boxed('Number', NumberPrototypeValueOf),
  Object: describeObject,
  Promise: describePromise,
  RegExp: (value) => bare(`/${RegExpPrototypeGetSource(value)}/${RegExpPrototypeGetFlags(value)}`),
  Set: describeSet,
  String: boxed('String', StringPrototypeValueOf),
  Symbol: (value) => bare(`[Symbol: ${SymbolPrototypeToString(SymbolPrototypeValueOf(value))}]`),
  TypedArray: describeTypedArray,
  WeakMap: unknownItems('WeakMap'),
  WeakSet: unknownItems('WeakSet'),
}

export function inspectKind(kind, value, name, tools) {
  const describe = kinds[kind]
  if (describe !== undefined) return describe(value, name, tools)
  return describePlatformObject(value, name, tools, shape(called(name, 'Object')))
}
