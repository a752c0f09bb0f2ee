/** Parts of node:util that are old, or that only little depends on. */
import { invalidArgType } from '../internal/errors.ts'
import { validateFunction, validateString } from '../internal/validate.ts'
import { warnOfDeprecation } from '../internal/warn.js'
import { isDate as isDateObject, isNativeError, isRegExp as isRegExpObject } from '../util-types.js'
import { format } from './inspect.js'

export const isArray = Array.isArray
export const isBoolean = (value) => typeof value === 'boolean'
export const isNull = (value) => value === null
export const isNullOrUndefined = (value) => value === null || value === undefined
export const isNumber = (value) => typeof value === 'number'
export const isString = (value) => typeof value === 'string'
export const isSymbol = (value) => typeof value === 'symbol'
export const isUndefined = (value) => value === undefined
export const isRegExp = (value) => isRegExpObject(value)
export const isObject = (value) => value !== null && typeof value === 'object'
export const isDate = (value) => isDateObject(value)
export const isError = (value) => isNativeError(value) || value instanceof Error
export const isFunction = (value) => typeof value === 'function'
export const isPrimitive = (value) =>
  value === null || (typeof value !== 'object' && typeof value !== 'function')

export function inherits(child, parent) {
  validateFunctionOrClass(child, 'ctor')
  validateFunctionOrClass(parent, 'superCtor')
  if (parent.prototype === undefined)
    throw invalidArgType('superCtor.prototype', 'Object', undefined)
  Object.defineProperty(child, 'super_', {
    value: parent,
    writable: true,
    configurable: true,
  })
  Object.setPrototypeOf(child.prototype, parent.prototype)
}

function validateFunctionOrClass(value, name) {
  if (value === undefined || value === null) throw invalidArgType(name, 'Function', value)
  validateFunction(value, name)
}

export function _extend(target, source) {
  return source === null || typeof source !== 'object' ? target : Object.assign(target, source)
}

/** A function that warns when it is called first. */
export function deprecate(fn, message, code) {
  if (code !== undefined) validateString(code, 'code')
  if (globalThis.process?.noDeprecation === true) return fn
  let warned = false
  function deprecated(...args) {
    if (!warned) {
      warned = true
      warnOfDeprecation(message, code)
    }
    return new.target ? Reflect.construct(fn, args, new.target) : Reflect.apply(fn, this, args)
  }
  Object.setPrototypeOf(deprecated, fn)
  if (fn.prototype) deprecated.prototype = fn.prototype
  return deprecated
}

/** A log for the sections that the variable NODE_DEBUG names. */
export function debuglog(section, whenMade) {
  const name = `${section}`.toUpperCase()
  const wanted = `${globalThis.process?.env?.NODE_DEBUG ?? ''}`
    .split(',')
    .map((one) => one.trim().toUpperCase())
  const enabled = wanted.some(
    (one) => one !== '' && new RegExp(`^${one.replace(/\*/g, '.*')}$`).test(name),
  )
  const logger = enabled
    ? (...args) => console.error(`${name}: ${format(...args)}`)
    : () => undefined
  Object.defineProperty(logger, 'enabled', {
    get: () => enabled,
    enumerable: true,
    configurable: true,
  })
  whenMade?.(logger)
  return logger
}

export function log(...args) {
  console.log(`${new Date().toString().slice(4, 24)} - ${format(...args)}`)
}

export function toUSVString(text) {
  return `${text}`.toWellFormed()
}
