// The console: https://console.spec.whatwg.org/

import { classOf, lazy, logLine, now } from 'fn:web'
import {
  ArrayPrototypeJoin,
  ArrayPrototypePop,
  ArrayPrototypePush,
  ErrorPrototypeGetStack,
  JSONStringify,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  MathTrunc,
  NumberPrototypeToFixed,
  ObjectCreate,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ObjectKeys,
  primordialGlobals,
  StringPrototypeIndexOf,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  SymbolPrototypeToString,
  SymbolToStringTag,
} from '../idl/primordials.js'
import { inspect } from './inspect.js'

const { Error, Map, Number, Object, parseFloat } = primordialGlobals

const DEBUG = 0
const INFO = 1
const WARN = 2
const ERROR = 3

const groups = []
const counts = new Map()
const timers = new Map()

function print(level, text) {
  if (groups.length === 0) {
    logLine(level, text)
    return
  }
  const indent = ArrayPrototypeJoin(groups, '')
  logLine(level, `${indent}${StringPrototypeReplaceAll(text, '\n', `\n${indent}`)}`)
}

function toInteger(value) {
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'number' ? `${MathTrunc(value)}` : 'NaN'
}

function toJson(value) {
  try {
    return `${JSONStringify(value)}`
  } catch {
    return '[Circular]'
  }
}

const toText = (value) => (typeof value === 'string' ? value : inspect(value))

/** One `%x` of a format string; undefined when it is not a valid one. */
function substitute(letter, value) {
  switch (letter) {
    case 's':
      return typeof value === 'symbol' ? SymbolPrototypeToString(value) : toText(value)
    case 'd':
      return typeof value === 'number' || typeof value === 'bigint'
        ? inspect(value)
        : toNumber(value)
    case 'i':
      return typeof value === 'string' ? toInteger(parseFloat(value)) : toInteger(value)
    case 'f':
      return typeof value === 'symbol' ? 'NaN' : `${parseFloat(toText(value))}`
    case 'j':
      return toJson(value)
    case 'o':
    case 'O':
      return inspect(value)
    case 'c':
      return ''
    default:
      return undefined
  }
}

const toNumber = (value) =>
  typeof value === 'string' || typeof value === 'boolean' ? `${Number(value)}` : 'NaN'

function joinValues(args, from) {
  let text = ''
  for (let i = from; i < args.length; i++) text += `${i > from ? ' ' : ''}${toText(args[i])}`
  return text
}

function format(args) {
  const first = args[0]
  let text = ''
  let used = 0
  if (typeof first === 'string') {
    used = 1
    let from = 0
    for (;;) {
      const at = StringPrototypeIndexOf(first, '%', from)
      if (at < 0 || at === first.length - 1) break
      let part
      if (first[at + 1] === '%' && args.length > 1) part = '%'
      else if (used < args.length) part = substitute(first[at + 1], args[used])
      if (part === undefined) text += StringPrototypeSlice(first, from, at + 1)
      else text += StringPrototypeSlice(first, from, at) + part
      if (part !== undefined && first[at + 1] !== '%') used++
      from = part === undefined ? at + 1 : at + 2
    }
    text += StringPrototypeSlice(first, from)
  }
  if (used === args.length) return text
  return `${text}${used > 0 ? ' ' : ''}${joinValues(args, used)}`
}

const labelOf = (label) => (label === undefined ? 'default' : `${label}`)
const elapsed = (start) => `${NumberPrototypeToFixed(now() - start, 3)} ms`

function timeLog(label, rest, remove) {
  const key = labelOf(label)
  const start = MapPrototypeGet(timers, key)
  if (start === undefined) {
    print(WARN, `Timer '${key}' does not exist`)
    return
  }
  if (remove) MapPrototypeDelete(timers, key)
  const more = rest.length > 0 ? ` ${joinValues(rest, 0)}` : ''
  print(INFO, `${key}: ${elapsed(start)}${more}`)
}

/** Levels of objects that `dir` shows for `depth: null` and greater depths. */
const MAX_DIR_DEPTH = 64

/** The depth that options of Node's `console.dir` ask for. Runs no code of the bundle. */
function depthOf(options) {
  const isObject = typeof options === 'object' && options !== null && classOf(options) !== 'Proxy'
  const property = isObject ? ObjectGetOwnPropertyDescriptor(options, 'depth') : undefined
  const depth = property === undefined ? undefined : property.value
  if (depth === null) return MAX_DIR_DEPTH
  if (typeof depth !== 'number' || !(depth >= 0)) return undefined
  return depth < MAX_DIR_DEPTH ? MathTrunc(depth) : MAX_DIR_DEPTH
}

/** The position of the caller: a stack has no frames of built-in modules. */
function callerStack() {
  const stack = ErrorPrototypeGetStack(new Error())
  const first = typeof stack === 'string' ? StringPrototypeIndexOf(stack, '\n') : -1
  return first < 0 ? '' : StringPrototypeSlice(stack, first)
}

const methods = {
  assert(condition = false, ...data) {
    if (condition) return
    const text = typeof data[0] === 'string' ? 'Assertion failed: ' : 'Assertion failed '
    print(ERROR, data.length === 0 ? 'Assertion failed' : `${text}${format(data)}`)
  },
  clear() {},
  count(label = 'default') {
    const key = labelOf(label)
    const count = (MapPrototypeGet(counts, key) ?? 0) + 1
    MapPrototypeSet(counts, key, count)
    print(INFO, `${key}: ${count}`)
  },
  countReset(label = 'default') {
    const key = labelOf(label)
    if (MapPrototypeGet(counts, key) === undefined) {
      print(WARN, `Count for '${key}' does not exist`)
    } else MapPrototypeSet(counts, key, 0)
  },
  debug(...data) {
    print(DEBUG, format(data))
  },
  dir(item = undefined, options = undefined) {
    print(INFO, inspect(item, depthOf(options)))
  },
  dirxml(...data) {
    print(INFO, format(data))
  },
  error(...data) {
    print(ERROR, format(data))
  },
  group(...data) {
    if (data.length > 0) print(INFO, format(data))
    ArrayPrototypePush(groups, '  ')
  },
  groupCollapsed(...data) {
    if (data.length > 0) print(INFO, format(data))
    ArrayPrototypePush(groups, '  ')
  },
  groupEnd() {
    ArrayPrototypePop(groups)
  },
  info(...data) {
    print(INFO, format(data))
  },
  log(...data) {
    print(INFO, format(data))
  },
  table(data = undefined, columns = undefined) {
    const table = lazy('console/console-table.js').formatTable(data, columns)
    print(INFO, table === undefined ? format([data]) : table)
  },
  time(label = 'default') {
    const key = labelOf(label)
    if (MapPrototypeGet(timers, key) !== undefined) print(WARN, `Timer '${key}' already exists`)
    else MapPrototypeSet(timers, key, now())
  },
  timeEnd(label = 'default') {
    timeLog(label, [], true)
  },
  timeLog(label = 'default', ...data) {
    timeLog(label, data, false)
  },
  trace(...data) {
    const text = data.length === 0 ? 'Trace' : `Trace: ${format(data)}`
    print(INFO, `${text}${callerStack()}`)
  },
  warn(...data) {
    print(WARN, format(data))
  },
}

// A namespace object whose prototype is an empty object.
const console = ObjectCreate(ObjectCreate(Object.prototype))
const names = ObjectKeys(methods)
for (let i = 0; i < names.length; i++) {
  ObjectDefineProperty(console, names[i], {
    __proto__: null,
    value: methods[names[i]],
    writable: true,
    enumerable: true,
    configurable: true,
  })
}
ObjectDefineProperty(console, SymbolToStringTag, {
  __proto__: null,
  value: 'console',
  configurable: true,
})
ObjectDefineProperty(globalThis, 'console', {
  __proto__: null,
  value: console,
  writable: true,
  configurable: true,
})
