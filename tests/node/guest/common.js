// What Node's tests require as `../common`, for a worker: the helpers of Node's test/common/index.js
// that make sense without files, sockets and child processes.

const assert = require('node:assert')
const { inspect } = require('node:util')
const { promise, skip } = require('./harness.js')

const noop = () => undefined

function counted(fn, criteria, kind) {
  let count = criteria
  let callee = fn
  if (typeof fn === 'number') {
    count = fn
    callee = noop
  }
  callee ??= noop
  const context = { actual: 0, where: new Error().stack }
  const isMet = () => (kind === 'exact' ? context.actual === count : context.actual >= count)
  promise(() =>
    isMet()
      ? undefined
      : `${callee.name || 'a function'} was called ${context.actual} times, not ${kind} ${count}\n${context.where}`,
  )
  const wrapper = function (...args) {
    context.actual++
    return callee.apply(this, args)
  }
  return Object.defineProperties(wrapper, {
    name: { value: callee.name, configurable: true },
    length: { value: callee.length, configurable: true },
  })
}

const mustCall = (fn, count = 1) => counted(fn, count, 'exact')
const mustCallAtLeast = (fn, count = 1) => counted(fn, count, 'at least')
const mustSucceed = (fn, count) =>
  mustCall(function (error, ...args) {
    assert.ifError(error)
    return typeof fn === 'function' ? fn.apply(this, args) : undefined
  }, count)

function mustNotCall(message = 'a function should not have been called') {
  const where = new Error().stack
  return function mustNotCall(...args) {
    const given = args.length > 0 ? ` with ${args.map((arg) => inspect(arg)).join(', ')}` : ''
    assert.fail(`${message}: called${given}\n${where}`)
  }
}

const proxies = new WeakMap()

function mustNotMutateObjectDeep(original) {
  if (original === null || typeof original !== 'object') return original
  const known = proxies.get(original)
  if (known !== undefined) return known
  const refuse = (what) => () => assert.fail(`Expected no side effects, got ${what}`)
  const proxy = new Proxy(original, {
    __proto__: null,
    defineProperty: refuse('a property defined'),
    deleteProperty: refuse('a property deleted'),
    preventExtensions: refuse('extensions prevented'),
    set: refuse('a value assigned'),
    setPrototypeOf: refuse('a prototype set'),
    get: (target, name, receiver) => mustNotMutateObjectDeep(Reflect.get(target, name, receiver)),
  })
  proxies.set(original, proxy)
  return proxy
}

function expectsError(validator, count) {
  return mustCall((...args) => {
    assert.strictEqual(args.length, 1)
    const [error] = args
    assert.strictEqual(Object.prototype.propertyIsEnumerable.call(error, 'message'), false)
    assert.throws(() => {
      throw error
    }, validator)
    return true
  }, count)
}

/** Pairs of message and code, from any form that Node's helper takes. */
function expectedWarnings(expected, code) {
  if (typeof expected === 'string' || expected instanceof RegExp) return [[expected, code]]
  if (!Array.isArray(expected)) return Object.entries(expected).map(([key, text]) => [text, key])
  return expected.length > 0 && !Array.isArray(expected[0])
    ? [[expected[0], expected[1]]]
    : expected
}

let warnings

function expectWarning(nameOrMap, given, givenCode) {
  if (warnings === undefined) {
    warnings = {}
    process.on('warning', (warning) => {
      const check = warnings[warning.name]
      if (check === undefined) throw new TypeError(`Unexpected warning: ${inspect(warning)}`)
      check(warning)
    })
  }
  const map = typeof nameOrMap === 'string' ? { [nameOrMap]: [given, givenCode] } : nameOrMap
  for (const [name, value] of Object.entries(map)) {
    const list =
      typeof nameOrMap === 'string' ? expectedWarnings(...value) : expectedWarnings(value)
    const left = [...list]
    warnings[name] = mustCall((warning) => {
      const [message, code] = left.shift() ?? assert.fail(`Unexpected warning: ${warning}`)
      assert.strictEqual(warning.name, name)
      if (typeof message === 'string') assert.strictEqual(warning.message, message)
      else assert.match(warning.message, message)
      assert.strictEqual(warning.code, code)
    }, list.length)
  }
}

function getArrayBufferViews({ buffer, byteOffset, byteLength }) {
  const types = [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float16Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ]
  return types
    .filter(({ BYTES_PER_ELEMENT = 1 }) => byteLength % BYTES_PER_ELEMENT === 0)
    .map((Type) => new Type(buffer, byteOffset, byteLength / (Type.BYTES_PER_ELEMENT ?? 1)))
}

function invalidArgTypeHelper(input) {
  if (input === undefined || input === null) return ` Received ${input}`
  if (typeof input === 'function') return ` Received function ${input.name}`
  if (typeof input === 'object') {
    return input.constructor?.name
      ? ` Received an instance of ${input.constructor.name}`
      : ` Received ${inspect(input, { depth: -1 })}`
  }
  let text = inspect(input, { colors: false })
  if (text.length > 28) text = `${text.slice(0, 25)}...`
  return ` Received type ${typeof input} (${text})`
}

module.exports = {
  allowGlobals: noop,
  expectsError,
  expectWarning,
  getArrayBufferViews,
  getBufferSources: (buffer) => [...getArrayBufferViews(buffer), new Uint8Array(buffer).buffer],
  // A worker has no Intl, but it has every encoding and Unicode's domain names.
  hasIntl: true,
  hasFullICU: false,
  hasCrypto: true,
  hasQuic: false,
  hasInspector: false,
  hasSQLite: false,
  hasIPv6: false,
  invalidArgTypeHelper,
  isASan: false,
  isDebug: false,
  isFreeBSD: false,
  isLinux: true,
  isMacOS: false,
  isMainThread: true,
  isOpenBSD: false,
  isPi: () => false,
  isSunOS: false,
  isWindows: false,
  localhostIPv4: '127.0.0.1',
  mustCall,
  mustCallAtLeast,
  mustNotCall,
  mustNotMutateObjectDeep,
  mustSucceed,
  platformTimeout: (ms) => ms,
  printSkipMessage: noop,
  skip,
  skipIf32Bits: noop,
  skipIfInspectorDisabled: () => skip('needs the inspector'),
  skipIfSQLiteMissing: () => skip('needs SQLite'),
  skipIfWorker: noop,
}
