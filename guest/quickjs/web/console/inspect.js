// Values in a log. Runs no code of the bundle: it reads property descriptors, names getters without
// calling them, and reads the targets of proxies natively.

import { classOf, proxyTarget } from 'fn:web'
import {
  ArrayPrototypeIncludes,
  ArrayPrototypePop,
  ArrayPrototypePush,
  MapPrototypeGet,
  MapPrototypeGetSize,
  MapPrototypeHas,
  MapPrototypeSet,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetPrototypeOf,
  primordialGlobals,
  ReflectOwnKeys,
  RegExpPrototypeExec,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  SymbolPrototypeToString,
  SymbolToStringTag,
} from '../idl/primordials.js'
import { inspectKind } from './inspect-kinds.js'
import { breakLines, functionName, quote } from './inspect-text.js'

const { Map, String } = primordialGlobals

const MAX_DEPTH = 4
const MAX_ENTRIES = 100
const MAX_STRING = 10000
const MAX_LENGTH = 100000

/** State that one call shares among its values. */
function newState(depth) {
  return { __proto__: null, depth, path: [], circular: new Map(), length: 0 }
}

export function inspect(value, depth = MAX_DEPTH) {
  return inspectValue(value, newState(depth))
}

function inspectPrimitive(value) {
  if (typeof value === 'string') {
    if (value.length <= MAX_STRING) return quote(value)
    const more = value.length - MAX_STRING
    return `${quote(StringPrototypeSlice(value, 0, MAX_STRING))}... ${more} more characters`
  }
  if (typeof value === 'symbol') return SymbolPrototypeToString(value)
  if (typeof value === 'bigint') return `${value}n`
  return value === 0 && 1 / value < 0 ? '-0' : String(value)
}

/** Reads the target of a proxy natively; null if it was revoked. */
export function unwrap(value) {
  let target = value
  while (classOf(target) === 'Proxy') target = proxyTarget(target)
  return target
}

export function inspectValue(given, state) {
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) {
    return inspectPrimitive(given)
  }
  const value = unwrap(given)
  if (value === null) return '<Revoked Proxy>'
  if (ArrayPrototypeIncludes(state.path, value)) {
    if (!MapPrototypeHas(state.circular, value)) {
      MapPrototypeSet(state.circular, value, MapPrototypeGetSize(state.circular) + 1)
    }
    return `[Circular *${MapPrototypeGet(state.circular, value)}]`
  }
  if (state.length > MAX_LENGTH) return '...'
  ArrayPrototypePush(state.path, value)
  const text = inspectObject(value, state)
  ArrayPrototypePop(state.path)
  state.length += text.length
  const mark = MapPrototypeGet(state.circular, value)
  return mark === undefined ? text : `<ref *${mark}> ${text}`
}

/** The name of the class, or null for an object without a prototype. */
export function className(value) {
  let object = value
  for (let i = 0; i < 32 && object !== null; i++) {
    if (classOf(object) === 'Proxy') return 'Object'
    const property = ObjectGetOwnPropertyDescriptor(object, 'constructor')
    if (property !== undefined && typeof property.value === 'function') {
      const name = functionName(property.value)
      if (name !== '') return name
    }
    object = ObjectGetPrototypeOf(object)
  }
  return null
}

function tagOf(value, name) {
  const property = ObjectGetOwnPropertyDescriptor(value, SymbolToStringTag)
  const tag = property === undefined ? undefined : property.value
  return typeof tag === 'string' && tag !== '' && tag !== name ? ` [${tag}]` : ''
}

function inspectObject(value, state) {
  const kind = classOf(value)
  const name = className(value)
  const shape = inspectKind(kind, value, name, {
    __proto__: null,
    inspect: (item) => inspectValue(item, state),
    tooDeep: state.path.length > state.depth + 1,
    maxEntries: MAX_ENTRIES,
    indent: StringPrototypeRepeat('  ', state.path.length - 1),
  })
  if (shape.whole !== undefined) return shape.whole
  const prefix = shape.prefix === '' ? '' : `${shape.prefix}${tagOf(value, name)} `
  if (state.path.length > state.depth + 1) {
    return kind === 'Array' ? '[Array]' : `[${shape.prefix || 'Object'}]`
  }
  const entries = shape.entries
  if (!shape.skip.all) addProperties(value, shape.skip, entries, state)
  if (entries.length === 0 && shape.bare !== undefined) return shape.bare
  return breakLines(prefix, entries, shape.open, shape.close, state.path.length)
}

function inspectProperty(property, state) {
  if (property.get !== undefined) return property.set === undefined ? '[Getter]' : '[Getter/Setter]'
  if ('value' in property) return inspectValue(property.value, state)
  return property.set === undefined ? 'undefined' : '[Setter]'
}

function keyText(key, enumerable) {
  let text
  if (typeof key === 'symbol') text = `[${SymbolPrototypeToString(key)}]`
  else text = isIdentifier(key) ? key : quote(key)
  return enumerable ? text : `[${text}]`
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/
const isIdentifier = (key) => RegExpPrototypeExec(IDENTIFIER, key) !== null

/** Own enumerable properties that the shape has not shown, and its `extra` hidden ones. */
function addProperties(value, skip, entries, state) {
  const keys = ReflectOwnKeys(value)
  let shown = 0
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]
    const property = ObjectGetOwnPropertyDescriptor(value, key)
    const forced = skip.extra !== undefined && ArrayPrototypeIncludes(skip.extra, key)
    if (property === undefined || (!property.enumerable && !forced)) continue
    if (skip.hidden !== undefined && ArrayPrototypeIncludes(skip.hidden, key)) continue
    if (skip.indexes && typeof key === 'string' && isIndex(key)) continue
    if (++shown > MAX_ENTRIES) {
      ArrayPrototypePush(entries, '... more properties')
      return
    }
    const text = `${keyText(key, property.enumerable)}: ${inspectProperty(property, state)}`
    ArrayPrototypePush(entries, text)
  }
}

const INDEX = /^(?:0|[1-9][0-9]*)$/
const isIndex = (key) => RegExpPrototypeExec(INDEX, key) !== null
