/** node:assert: https://nodejs.org/api/assert.html */
import { AssertionError } from './assert/assertion-error.js'
import { isDeepEqual } from './internal/deep-equal.js'
import {
  invalidArgType,
  invalidArgValue,
  missingArgs,
  nodeTypeError,
  notAvailable,
  received,
} from './internal/errors.ts'
import { validateFunction, validateOneOf } from './internal/validate.ts'
import { inspect } from './util/inspect.js'

const { isPrototypeOf: isPrototype } = Object.prototype

function failWith(actual, expected, message, operator, stackStartFn) {
  if (message instanceof Error) throw message
  throw new AssertionError({ actual, expected, message, operator, stackStartFn })
}

function need(args, count) {
  if (args.length < count) throw missingArgs('actual', 'expected')
}

function checkOk(args, fn) {
  const [value, message] = args
  if (value) return
  let text = message
  if (args.length === 0) text = 'No value argument passed to `assert.ok()`'
  else if (message instanceof Error) throw message
  const error = new AssertionError({
    actual: value,
    expected: true,
    message: text ?? 'The expression evaluated to a falsy value:\n\n  assert(value)\n',
    operator: '==',
    stackStartFn: fn,
  })
  error.generatedMessage = message === undefined || message === null
  throw error
}

export default function assert(...args) {
  checkOk(args, assert)
}

export function ok(...args) {
  checkOk(args, ok)
}

export function fail(message) {
  if (message instanceof Error) throw message
  const error = new AssertionError({
    message: message ?? 'Failed',
    operator: 'fail',
    stackStartFn: fail,
  })
  error.generatedMessage = message === undefined || message === null
  throw error
}

export function equal(...args) {
  need(args, 2)
  const [actual, expected, message] = args
  // biome-ignore lint/suspicious/noDoubleEquals: the loose comparison is asked for
  if (actual == expected || (Number.isNaN(actual) && Number.isNaN(expected))) return
  failWith(actual, expected, message, '==', equal)
}

export function notEqual(...args) {
  need(args, 2)
  const [actual, expected, message] = args
  // biome-ignore lint/suspicious/noDoubleEquals: the loose comparison is asked for
  if (actual == expected || (Number.isNaN(actual) && Number.isNaN(expected))) {
    failWith(actual, expected, message, '!=', notEqual)
  }
}

export function strictEqual(...args) {
  need(args, 2)
  const [actual, expected, message] = args
  if (!Object.is(actual, expected)) failWith(actual, expected, message, 'strictEqual', strictEqual)
}

export function notStrictEqual(...args) {
  need(args, 2)
  const [actual, expected, message] = args
  if (Object.is(actual, expected))
    failWith(actual, expected, message, 'notStrictEqual', notStrictEqual)
}

export function deepEqual(...args) {
  need(args, 2)
  const [actual, expected, message] = args
  if (!isDeepEqual(actual, expected, false))
    failWith(actual, expected, message, 'deepEqual', deepEqual)
}

export function notDeepEqual(...args) {
  need(args, 2)
  const [actual, expected, message] = args
  if (isDeepEqual(actual, expected, false))
    failWith(actual, expected, message, 'notDeepEqual', notDeepEqual)
}

export function deepStrictEqual(...args) {
  need(args, 2)
  const [actual, expected, message] = args
  if (!isDeepEqual(actual, expected, true)) {
    failWith(actual, expected, message, 'deepStrictEqual', deepStrictEqual)
  }
}

export function notDeepStrictEqual(...args) {
  need(args, 2)
  const [actual, expected, message] = args
  if (isDeepEqual(actual, expected, true)) {
    failWith(actual, expected, message, 'notDeepStrictEqual', notDeepStrictEqual)
  }
}

/** Shown in place of an error that lacks what was expected. */
class Comparison {
  constructor(source, keys, actual) {
    for (const key of keys) {
      if (!(key in source)) continue
      const matches =
        actual !== undefined &&
        typeof actual[key] === 'string' &&
        source[key] instanceof RegExp &&
        source[key].exec(actual[key]) !== null
      this[key] = matches ? actual[key] : source[key]
    }
  }
}

function compareKey(actual, expected, key, message, keys, fn) {
  if (key in actual && isDeepEqual(actual[key], expected[key], true)) return
  if (message) failWith(actual, expected, message, fn.name, fn)
  const error = new AssertionError({
    actual: new Comparison(actual, keys),
    expected: new Comparison(expected, keys, actual),
    operator: 'deepStrictEqual',
    stackStartFn: fn,
  })
  Object.assign(error, { actual, expected, operator: fn.name })
  throw error
}

function checkError(actual, expected, message, fn) {
  let generated = false
  let text = message
  let failed = false
  if (typeof expected !== 'function') {
    if (expected instanceof RegExp) {
      const string = String(actual)
      if (expected.exec(string) !== null) return
      if (!text) {
        generated = true
        text = `The input did not match the regular expression ${inspect(expected)}. Input:\n\n${inspect(string)}\n`
      }
      failed = true
    } else if (typeof actual !== 'object' || actual === null) {
      const error = new AssertionError({
        actual,
        expected,
        message,
        operator: 'deepStrictEqual',
        stackStartFn: fn,
      })
      error.operator = fn.name
      throw error
    } else {
      const keys = Object.keys(expected)
      if (expected instanceof Error) keys.push('name', 'message')
      else if (keys.length === 0)
        throw invalidArgValue('error', expected, 'may not be an empty object')
      for (const key of keys) {
        if (
          typeof actual[key] === 'string' &&
          expected[key] instanceof RegExp &&
          expected[key].exec(actual[key]) !== null
        )
          continue
        compareKey(actual, expected, key, message, keys, fn)
      }
      return
    }
  } else if (expected.prototype !== undefined && actual instanceof expected) {
    return
  } else if (isPrototype.call(Error, expected)) {
    if (!text) {
      generated = true
      text = `The error is expected to be an instance of "${expected.name}". Received `
      text += actual instanceof Error ? `"${actual.name}"` : `"${inspect(actual, { depth: -1 })}"`
    }
    failed = true
  } else {
    const result = Reflect.apply(expected, {}, [actual])
    if (result === true) return
    if (!text) {
      generated = true
      const name = expected.name ? `"${expected.name}" ` : ''
      text = `The ${name}validation function is expected to return "true". Received ${inspect(result)}`
      if (actual instanceof Error) text += `\n\nCaught error:\n\n${actual}`
    }
    failed = true
  }
  if (!failed) return
  if (text instanceof Error) throw text
  const error = new AssertionError({
    actual,
    expected,
    message: text,
    operator: fn.name,
    stackStartFn: fn,
  })
  error.generatedMessage = generated
  throw error
}

const NOTHING = Symbol('nothing was thrown')

function thrownBy(fn) {
  validateFunction(fn, 'fn')
  try {
    fn()
  } catch (error) {
    return error
  }
  return NOTHING
}

const isPromise = (value) =>
  value instanceof Promise ||
  (value !== null &&
    typeof value === 'object' &&
    typeof value.then === 'function' &&
    typeof value.catch === 'function')

async function rejectionOf(promiseFn) {
  let promise = promiseFn
  if (typeof promiseFn === 'function') {
    promise = promiseFn()
    if (!isPromise(promise)) {
      const message = `Expected instance of Promise to be returned from the "promiseFn" function but got ${received(promise)}.`
      throw nodeTypeError('ERR_INVALID_RETURN_VALUE', message)
    }
  } else if (!isPromise(promise)) {
    throw invalidArgType('promiseFn', ['Function', 'Promise'], promise)
  }
  try {
    await promise
  } catch (error) {
    return error
  }
  return NOTHING
}

function expectThrow(fn, actual, givenError, givenMessage, count) {
  let [error, message] = [givenError, givenMessage]
  if (typeof error === 'string') {
    if (count === 4) throw invalidArgType('error', ['Object', 'Error', 'Function', 'RegExp'], error)
    if (
      typeof actual === 'object' && actual !== null ? actual.message === error : actual === error
    ) {
      const text = `The error${typeof actual === 'object' && actual !== null ? ' message' : ''} "${error}" is identical to the message.`
      throw nodeTypeError(
        'ERR_AMBIGUOUS_ARGUMENT',
        `The "error/message" argument is ambiguous. ${text}`,
      )
    }
    ;[error, message] = [undefined, error]
  } else if (
    error !== null &&
    error !== undefined &&
    typeof error !== 'object' &&
    typeof error !== 'function'
  ) {
    throw invalidArgType('error', ['Object', 'Error', 'Function', 'RegExp'], error)
  }
  if (actual === NOTHING) {
    let details = error?.name ? ` (${error.name})` : ''
    details += message ? `: ${message}` : '.'
    const kind = fn === rejects ? 'rejection' : 'exception'
    if (message instanceof Error) throw message
    const failure = new AssertionError({
      actual: undefined,
      expected: error,
      operator: fn.name,
      message: `Missing expected ${kind}${details}`,
      stackStartFn: fn,
    })
    throw failure
  }
  if (error) checkError(actual, error, message, fn)
}

function expectNoThrow(fn, actual, givenError, givenMessage) {
  if (actual === NOTHING) return
  let [error, message] = [givenError, givenMessage]
  if (typeof error === 'string') [error, message] = [undefined, error]
  if (!error || hasErrorMatched(actual, error)) {
    const details = message ? `: ${message}` : '.'
    const kind = fn === doesNotReject ? 'rejection' : 'exception'
    throw new AssertionError({
      actual,
      expected: error,
      operator: fn.name,
      message: `Got unwanted ${kind}${details}\nActual message: "${actual?.message}"`,
      stackStartFn: fn,
    })
  }
  throw actual
}

function hasErrorMatched(actual, expected) {
  if (typeof expected !== 'function') {
    if (expected instanceof RegExp) return expected.exec(String(actual)) !== null
    throw invalidArgType('expected', ['Function', 'RegExp'], expected)
  }
  if (expected.prototype !== undefined && actual instanceof expected) return true
  return !isPrototype.call(Error, expected) && Reflect.apply(expected, {}, [actual]) === true
}

export function throws(fn, ...args) {
  expectThrow(throws, thrownBy(fn), args[0], args[1], args.length + 2)
}

export function doesNotThrow(fn, ...args) {
  expectNoThrow(doesNotThrow, thrownBy(fn), ...args)
}

export async function rejects(promiseFn, ...args) {
  expectThrow(rejects, await rejectionOf(promiseFn), args[0], args[1], args.length + 2)
}

export async function doesNotReject(fn, ...args) {
  expectNoThrow(doesNotReject, await rejectionOf(fn), ...args)
}

export function ifError(error) {
  if (error === null || error === undefined) return
  let message = 'ifError got unwanted exception: '
  if (typeof error === 'object' && typeof error.message === 'string') {
    message +=
      error.message.length === 0 && error.constructor ? error.constructor.name : error.message
  } else {
    message += inspect(error)
  }
  const failure = new AssertionError({
    actual: error,
    expected: null,
    operator: 'ifError',
    message,
    stackStartFn: ifError,
  })
  failure.generatedMessage = true
  throw failure
}

function checkMatch(string, regexp, message, fn) {
  if (!(regexp instanceof RegExp)) throw invalidArgType('regexp', 'RegExp', regexp)
  const wanted = fn === match
  if (typeof string === 'string' && (regexp.exec(string) !== null) === wanted) return
  if (message instanceof Error) throw message
  const text =
    typeof string !== 'string'
      ? `The "string" argument must be of type string. Received type ${typeof string} (${inspect(string)})`
      : `${wanted ? 'The input did not match the regular expression ' : 'The input was expected to not match the regular expression '}${inspect(regexp)}. Input:\n\n${inspect(string)}\n`
  const error = new AssertionError({
    actual: string,
    expected: regexp,
    message: message ?? text,
    operator: fn.name,
    stackStartFn: fn,
  })
  error.generatedMessage = message === undefined || message === null
  throw error
}

export function match(string, regexp, message) {
  checkMatch(string, regexp, message, match)
}

export function doesNotMatch(string, regexp, message) {
  checkMatch(string, regexp, message, doesNotMatch)
}

const members = {
  AssertionError,
  deepEqual,
  deepStrictEqual,
  doesNotMatch,
  doesNotReject,
  doesNotThrow,
  equal,
  fail,
  ifError,
  match,
  notDeepEqual,
  notDeepStrictEqual,
  notEqual,
  notStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
}

export function strict(...args) {
  checkOk(args, strict)
}

const strictForms = {
  equal: strictEqual,
  deepEqual: deepStrictEqual,
  notEqual: notStrictEqual,
  notDeepEqual: notDeepStrictEqual,
}

/** Assertions with options of their own. The messages are the same for each `diff`. */
export function Assert(options) {
  if (new.target === undefined) {
    const message = "Class constructor Assert cannot be invoked without 'new'"
    throw nodeTypeError('ERR_CONSTRUCT_CALL_REQUIRED', message)
  }
  const { diff = 'simple', strict: isStrict = true, skipPrototype = false } = options ?? {}
  validateOneOf(diff, 'options.diff', ['simple', 'full'])
  if (skipPrototype) throw notAvailable('assert.Assert with skipPrototype')
  Object.assign(this, members, isStrict ? strictForms : {})
}

Object.assign(strict, members, strictForms, { Assert, strict })
Object.assign(assert, members, { Assert, strict })

export { AssertionError }
