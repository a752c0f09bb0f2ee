// Errors in a log: the message, the stack, and the causes.

import { classOf } from 'fn:web'
import {
  ErrorPrototypeGetStack,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetPrototypeOf,
  primordialGlobals,
  StringPrototypeIndexOf,
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

/** Longer messages are cut: a log line has room for 16 KiB. */
const MAX_MESSAGE = 10000

const nameOf = (value) =>
  (classOf(value) === 'DOMException' ? exceptionName(value) : dataString(value, 'name')) || 'Error'

const messageOf = (value) =>
  classOf(value) === 'DOMException' ? exceptionMessage(value) : dataString(value, 'message')

/** What the log shows first: `TypeError: message`. */
export function headline(value, className) {
  const exception = classOf(value) === 'DOMException'
  const called = nameOf(value)
  const plain = called === 'Error' && className !== null && className !== 'DOMException'
  const title = plain ? className : called
  const prefix = exception ? `DOMException [${title}]` : title
  const message = messageOf(value)
  if (message === '') return prefix
  const more = message.length - MAX_MESSAGE
  if (more <= 0) return `${prefix}: ${message}`
  return `${prefix}: ${StringPrototypeSlice(message, 0, MAX_MESSAGE)}... ${more} more characters`
}

/** An own `stack` is what a script set; otherwise it is what the engine recorded. */
function stackText(value) {
  const own = ObjectGetOwnPropertyDescriptor(value, 'stack')
  if (own !== undefined) return typeof own.value === 'string' ? own.value : ''
  const stack =
    classOf(value) === 'Error' ? ErrorPrototypeGetStack(value) : dataString(value, 'stack')
  return typeof stack === 'string' ? stack : ''
}

/** Whether a stack has the text at a place. */
const holds = (stack, text, at) => StringPrototypeSlice(stack, at, at + text.length) === text

const FRAME = '\n    at '

/** Where the lines of the frames begin. The message may be huge: nothing copies it. */
function framesAt(value, stack) {
  const name = nameOf(value)
  const message = messageOf(value)
  const head = message === '' ? name.length : name.length + 2 + message.length
  if (holds(stack, name, 0) && (stack.length === head || stack[head] === '\n')) return head
  // The stack keeps the name and the message that the error was created with.
  return StringPrototypeIndexOf(stack, FRAME)
}

/** The lines of a stack below its name and message, which the headline shows. */
function framesOf(value) {
  const stack = stackText(value)
  if (stack === '') return ''
  const at = framesAt(value, stack)
  let lines = ''
  const own = ObjectGetOwnPropertyDescriptor(value, 'stack') !== undefined
  if (at >= 0) lines = StringPrototypeSlice(stack, at)
  else if (own || holds(stack, '    at ', 0)) lines = `\n${stack}`
  return lines[lines.length - 1] === '\n' ? StringPrototypeSlice(lines, 0, -1) : lines
}

export function describeError(value, name, tools) {
  const title = headline(value, name)
  const text = tools.tooDeep ? title : `${title}${framesOf(value)}`
  const shown =
    tools.indent === '' ? text : StringPrototypeReplaceAll(text, '\n', `\n${tools.indent}`)
  return {
    __proto__: null,
    prefix: shown,
    bare: shown,
    open: '{',
    close: '}',
    entries: [],
    skip: { __proto__: null, hidden: ['stack'], extra: HIDDEN_PARTS },
  }
}

/** Errors within an error, in properties that are not enumerable. */
const HIDDEN_PARTS = ['cause', 'errors', 'error', 'suppressed']
