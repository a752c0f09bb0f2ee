// Errors in a log: the message, the stack, and the causes.

import { classOf } from 'fn:web'
import {
  ErrorPrototypeGetStack,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetPrototypeOf,
  primordialGlobals,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  uncurryThis,
} from '../idl/primordials.js'

const exceptionPart = (name) =>
  uncurryThis(ObjectGetOwnPropertyDescriptor(primordialGlobals.DOMException.prototype, name).get)
const exceptionName = exceptionPart('name')
const exceptionMessage = exceptionPart('message')

/** A string data property of the object or of its prototypes. */
function dataString(object, name) {
  let at = object
  for (let i = 0; i < 32 && at !== null && classOf(at) !== 'Proxy'; i++) {
    const property = ObjectGetOwnPropertyDescriptor(at, name)
    if (property !== undefined) return typeof property.value === 'string' ? property.value : ''
    at = ObjectGetPrototypeOf(at)
  }
  return ''
}

function headline(value, name) {
  const exception = classOf(value) === 'DOMException'
  const called = (exception ? exceptionName(value) : dataString(value, 'name')) || 'Error'
  const message = exception ? exceptionMessage(value) : dataString(value, 'message')
  const title = name !== null && called === 'Error' && name !== 'DOMException' ? name : called
  const prefix = exception ? `DOMException [${title}]` : title
  return message === '' ? prefix : `${prefix}: ${message}`
}

function stackOf(value) {
  const stack =
    classOf(value) === 'Error' ? ErrorPrototypeGetStack(value) : dataString(value, 'stack')
  if (typeof stack !== 'string' || stack === '') return ''
  return stack[stack.length - 1] === '\n' ? `\n${StringPrototypeSlice(stack, 0, -1)}` : `\n${stack}`
}

export function describeError(value, name, tools) {
  const text = `${headline(value, name)}${stackOf(value)}`
  const whole = tools.tooDeep ? `[${headline(value, name)}]` : text
  return {
    __proto__: null,
    prefix: tools.nested ? StringPrototypeReplaceAll(whole, '\n', '\n  ') : whole,
    bare: tools.nested ? StringPrototypeReplaceAll(whole, '\n', '\n  ') : whole,
    open: '{',
    close: '}',
    entries: [],
    skip: { __proto__: null, extra: ['cause', 'errors'] },
  }
}
