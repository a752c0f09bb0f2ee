/** Errors with the codes and the words of Node's, for the modules of this folder. */

type ErrorClass = new (message: string) => Error

/** An error with a code, whose name in its stack is that of its class, as with Node's own. */
function coded(Class: ErrorClass, code: string, message: string): Error {
  const error = new Class(message)
  Object.defineProperty(error, 'code', {
    value: code,
    enumerable: true,
    writable: true,
    configurable: true,
  })
  return error
}

/** What a wrong argument is, in the words of Node. Runs no getter of it. */
function received(value: unknown): string {
  if (value === null || value === undefined) return ` Received ${value}`
  if (typeof value === 'function') return ` Received function ${value.name}`
  if (typeof value === 'object') {
    const name = Object.getPrototypeOf(value)?.constructor?.name
    return typeof name === 'string' && name !== ''
      ? ` Received an instance of ${name}`
      : ' Received an object'
  }
  const text = typeof value === 'bigint' ? `${value}n` : String(value)
  const short = text.length > 25 ? `${text.slice(0, 25)}...` : text
  return ` Received type ${typeof value} (${typeof value === 'string' ? `'${short}'` : short})`
}

/** @param expected such as `of type number` */
export function invalidArgType(name: string, expected: string, value: unknown): Error {
  const kind = name.includes('.') ? 'property' : 'argument'
  const message = `The "${name}" ${kind} must be ${expected}.${received(value)}`
  return coded(TypeError, 'ERR_INVALID_ARG_TYPE', message)
}

export function invalidArgValue(name: string, value: unknown, why = 'is invalid'): Error {
  const kind = name.includes('.') ? 'property' : 'argument'
  const text = typeof value === 'string' ? `'${value}'` : String(value)
  return coded(TypeError, 'ERR_INVALID_ARG_VALUE', `The ${kind} '${name}' ${why}. Received ${text}`)
}

/** @param range such as `>= 1 and <= 9` */
export function outOfRange(name: string, range: string, value: unknown): Error {
  const text = typeof value === 'bigint' ? `${value}n` : String(value)
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${text}`
  return coded(RangeError, 'ERR_OUT_OF_RANGE', message)
}

export function errorWithCode(code: string, message: string): Error {
  return coded(Error, code, message)
}

export function typeErrorWithCode(code: string, message: string): Error {
  return coded(TypeError, code, message)
}

export function rangeErrorWithCode(code: string, message: string): Error {
  return coded(RangeError, code, message)
}

/** @param member such as `http.createServer` */
export function notAvailable(member: string): Error {
  return coded(
    Error,
    'ERR_METHOD_NOT_IMPLEMENTED',
    `${member} is not available in quickjs-ng functions`,
  )
}

/** A function that exists so that it can be imported, and throws when it is called. */
export function unavailable(member: string): (...args: unknown[]) => never {
  return () => {
    throw notAvailable(member)
  }
}

/** The error of an operation that its AbortSignal ended. */
export class AbortError extends Error {
  readonly code = 'ABORT_ERR'

  constructor(reason?: unknown) {
    super('The operation was aborted', reason === undefined ? undefined : { cause: reason })
    this.name = 'AbortError'
  }
}

export function checkCallback(value: unknown, name = 'callback'): void {
  if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value)
}

export function checkSignal(value: unknown, name = 'options.signal'): void {
  if (value === undefined) return
  if (value === null || typeof value !== 'object' || !('aborted' in value)) {
    throw invalidArgType(name, 'an instance of AbortSignal', value)
  }
}
