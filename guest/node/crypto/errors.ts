/** Errors of node:crypto with Node's codes and texts, and the checks of arguments that throw them. */

import { coded, invalidArgType, outOfRange } from '../internal/errors.ts'
import { inspect } from './describe.ts'

export { coded, outOfRange }

/** An error with the code and the text that OpenSSL's has in Node. */
export function openssl(number: string, library: string, reason: string, code?: string): Error {
  const name = reason.toUpperCase().replaceAll(' ', '_')
  return Object.assign(new Error(`error:${number}:${library} routines::${reason}`), {
    library: `${library} routines`,
    reason,
    code: code ?? `ERR_OSSL_${name}`,
  })
}

/** @param expected as in `of type string` or `an instance of Buffer` */
export const argType = invalidArgType

export function argValue(name: string, value: unknown, reason = 'is invalid'): Error {
  const what = name.includes('.') ? 'property' : 'argument'
  const message = `The ${what} '${name}' ${reason}. Received ${inspect(value)}`
  return coded(TypeError, 'ERR_INVALID_ARG_VALUE', message)
}

export function invalidState(operation: string): Error {
  return coded(Error, 'ERR_CRYPTO_INVALID_STATE', `Invalid state for operation ${operation}`)
}

export function invalidKeyType(type: string, expected: string): Error {
  const message = `Invalid key object type ${type}, expected ${expected}.`
  return coded(TypeError, 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', message)
}

/** What has a place in Node but not here. */
export function notAvailable(name: string, reason = ''): Error {
  const message = `crypto.${name} is not available in quickjs-ng functions${reason}`
  return coded(Error, 'ERR_METHOD_NOT_IMPLEMENTED', message)
}

export function needString(value: unknown, name: string): string {
  if (typeof value !== 'string') throw argType(name, 'of type string', value)
  return value
}

export function needFunction<F>(value: F, name: string): F {
  if (typeof value !== 'function') throw argType(name, 'of type function', value)
  return value
}

export function needObject<T>(value: T, name: string): NonNullable<T> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw argType(name, 'of type object', value)
  }
  return value
}

export function needBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw argType(name, 'of type boolean', value)
  return value
}

export function needInteger(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number') throw argType(name, 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value)
  return value
}

export const MAX_INT32 = 2 ** 31 - 1
export const MAX_UINT32 = 2 ** 32 - 1

export function needOneOf(value: unknown, name: string, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) {
    const list = allowed.map((one) => inspect(one)).join(', ')
    throw argValue(name, value, `must be one of: ${list}`)
  }
}

/**
 * Runs a native operation. Its DOMException says that the operation refused the key or the data;
 * anything else, such as the end of the invocation, passes.
 */
export function orThrow<T>(run: () => T, error: () => Error): T {
  try {
    return run()
  } catch (caught) {
    if (caught instanceof DOMException) throw error()
    throw caught
  }
}
