/** Checks of arguments, with Node's errors. */
import { invalidArgType, invalidArgValue, outOfRange } from './node-errors.js'

export function validateString(value, name) {
  if (typeof value !== 'string') throw invalidArgType(name, 'string', value)
}

export function validateBoolean(value, name) {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'boolean', value)
}

export function validateFunction(value, name) {
  if (typeof value !== 'function') throw invalidArgType(name, 'Function', value)
}

export function validateArray(value, name) {
  if (!Array.isArray(value)) throw invalidArgType(name, 'Array', value)
}

export function validateObject(
  value,
  name,
  { nullable = false, callable = false, array = false } = {},
) {
  if (value === null ? nullable : typeof value === 'object' && (array || !Array.isArray(value)))
    return
  if (callable && typeof value === 'function') return
  throw invalidArgType(name, 'Object', value)
}

export function validateNumber(value, name, min = undefined, max = undefined) {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value)
  const outside = (min !== undefined && value < min) || (max !== undefined && value > max)
  if (outside || ((min !== undefined || max !== undefined) && Number.isNaN(value))) {
    const low = min !== undefined ? `>= ${min}` : ''
    const high = max !== undefined ? `<= ${max}` : ''
    throw outOfRange(name, [low, high].filter((text) => text !== '').join(' && '), value)
  }
}

export function validateInteger(
  value,
  name,
  min = Number.MIN_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
) {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value)
}

export function validateOneOf(value, name, allowed) {
  if (!allowed.includes(value)) {
    const list = allowed.map((one) => (typeof one === 'string' ? `'${one}'` : String(one)))
    throw invalidArgValue(name, value, `must be one of: ${list.join(', ')}`)
  }
}

export function validateAbortSignal(signal, name) {
  if (
    signal !== undefined &&
    (signal === null || typeof signal !== 'object' || !('aborted' in signal))
  ) {
    throw invalidArgType(name, 'AbortSignal', signal)
  }
}
