/** Checks of arguments, with Node's errors. */
import { invalidArgType, invalidArgValue, outOfRange } from './errors.ts'

export function validateString(value: unknown, name: string): void {
  if (typeof value !== 'string') throw invalidArgType(name, 'string', value)
}

export function validateBoolean(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'boolean', value)
}

export function validateFunction(value: unknown, name: string): void {
  if (typeof value !== 'function') throw invalidArgType(name, 'Function', value)
}

export function validateArray(value: unknown, name: string): void {
  if (!Array.isArray(value)) throw invalidArgType(name, 'Array', value)
}

export function validateObject(
  value: unknown,
  name: string,
  { nullable = false, callable = false, array = false } = {},
): void {
  if (value === null ? nullable : typeof value === 'object' && (array || !Array.isArray(value)))
    return
  if (callable && typeof value === 'function') return
  throw invalidArgType(name, 'Object', value)
}

export function validateNumber(value: unknown, name: string, min?: number, max?: number): void {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value)
  const outside = (min !== undefined && value < min) || (max !== undefined && value > max)
  if (outside || ((min !== undefined || max !== undefined) && Number.isNaN(value))) {
    const low = min !== undefined ? `>= ${min}` : ''
    const high = max !== undefined ? `<= ${max}` : ''
    throw outOfRange(name, [low, high].filter((text) => text !== '').join(' && '), value)
  }
}

export function validateInteger(
  value: unknown,
  name: string,
  min = Number.MIN_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
): void {
  if (typeof value !== 'number') throw invalidArgType(name, 'number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value)
}

export function validateOneOf(value: unknown, name: string, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) {
    const list = allowed.map((one) => (typeof one === 'string' ? `'${one}'` : String(one)))
    throw invalidArgValue(name, value, `must be one of: ${list.join(', ')}`)
  }
}

export function validateAbortSignal(signal: unknown, name: string): void {
  if (
    signal !== undefined &&
    (signal === null || typeof signal !== 'object' || !('aborted' in signal))
  ) {
    throw invalidArgType(name, 'AbortSignal', signal)
  }
}
