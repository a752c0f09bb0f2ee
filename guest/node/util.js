/** node:util: https://nodejs.org/api/util.html */
import { isDeepEqual } from './internal/deep-equal.js'
import { parseEnv } from './util/env.js'
import { format, formatWithOptions, inspect, stripVTControlCharacters } from './util/inspect.js'
import {
  _extend,
  debuglog,
  deprecate,
  inherits,
  isArray,
  isBoolean,
  isDate,
  isError,
  isFunction,
  isNull,
  isNullOrUndefined,
  isNumber,
  isObject,
  isPrimitive,
  isRegExp,
  isString,
  isSymbol,
  isUndefined,
  log,
  toUSVString,
} from './util/legacy.js'
import { parseArgs } from './util/parse-args.js'
import { aborted, callbackify, promisify } from './util/promises.js'
import { styleText } from './util/style.js'
import types from './util-types.js'

export const { TextDecoder, TextEncoder } = globalThis
export const debug = debuglog

export function isDeepStrictEqual(left, right) {
  return isDeepEqual(left, right, true)
}

export function isBuffer(value) {
  return (
    value instanceof Uint8Array &&
    typeof value.constructor?.isBuffer === 'function' &&
    value.constructor.isBuffer(value)
  )
}

export {
  _extend,
  aborted,
  callbackify,
  debuglog,
  deprecate,
  format,
  formatWithOptions,
  inherits,
  inspect,
  isArray,
  isBoolean,
  isDate,
  isError,
  isFunction,
  isNull,
  isNullOrUndefined,
  isNumber,
  isObject,
  isPrimitive,
  isRegExp,
  isString,
  isSymbol,
  isUndefined,
  log,
  parseArgs,
  parseEnv,
  promisify,
  stripVTControlCharacters,
  styleText,
  toUSVString,
  types,
}

export default {
  TextDecoder,
  TextEncoder,
  _extend,
  aborted,
  callbackify,
  debug,
  debuglog,
  deprecate,
  format,
  formatWithOptions,
  inherits,
  inspect,
  isArray,
  isBoolean,
  isBuffer,
  isDate,
  isDeepStrictEqual,
  isError,
  isFunction,
  isNull,
  isNullOrUndefined,
  isNumber,
  isObject,
  isPrimitive,
  isRegExp,
  isString,
  isSymbol,
  isUndefined,
  log,
  parseArgs,
  parseEnv,
  promisify,
  stripVTControlCharacters,
  styleText,
  toUSVString,
  types,
}
