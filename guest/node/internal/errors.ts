/** Errors as Node's modules throw them: a `code`, and the texts that programs and tests look for. */

type ErrorClass = new (message: string) => Error

const KIND_NAMES = new Set([
  'string',
  'function',
  'number',
  'object',
  'Function',
  'Object',
  'boolean',
  'bigint',
  'symbol',
])
const MAX_SHOWN_STRING = 28
const MAX_SHOWN_VALUE = 128

/** An error with a code, which its text names, too. Its name in its stack is that of its class. */
export function coded(Class: ErrorClass, code: string, message: string): Error {
  const error = new Class(message)
  Object.defineProperty(error, 'code', {
    value: code,
    writable: true,
    enumerable: true,
    configurable: true,
  })
  Object.defineProperty(error, 'toString', {
    value() {
      return `${this.name} [${code}]: ${this.message}`
    },
    writable: true,
    enumerable: false,
    configurable: true,
  })
  return error
}

export const nodeError = (code: string, message: string) => coded(Error, code, message)
export const nodeTypeError = (code: string, message: string) => coded(TypeError, code, message)
export const nodeRangeError = (code: string, message: string) => coded(RangeError, code, message)

function listOf(words: readonly string[], last: string): string {
  if (words.length < 3) return words.join(` ${last} `)
  return `${words.slice(0, -1).join(', ')}, ${last} ${words.at(-1)}`
}

function expectedText(expected: string | readonly string[]): string {
  const kinds: string[] = []
  const classes: string[] = []
  const others: string[] = []
  for (const name of [expected].flat()) {
    if (KIND_NAMES.has(name)) kinds.push(name.toLowerCase())
    else if (/^([A-Z][a-z0-9]*)+$/.test(name)) classes.push(name)
    else others.push(name)
  }
  if (classes.length > 0 && kinds.includes('object')) {
    kinds.splice(kinds.indexOf('object'), 1)
    classes.push('Object')
  }
  const parts: string[] = []
  if (kinds.length > 0)
    parts.push(`${kinds.length > 1 ? 'one of type' : 'of type'} ${listOf(kinds, 'or')}`)
  if (classes.length > 0) parts.push(`an instance of ${listOf(classes, 'or')}`)
  if (others.length > 1) parts.push(`one of ${listOf(others, 'or')}`)
  else if (others.length === 1) {
    const other = others[0] as string
    const whole = other.toLowerCase() === other || /^(?:an|of|one) /.test(other)
    parts.push(`${whole ? '' : 'an '}${other}`)
  }
  return parts.join(' or ')
}

/** What kind of value was given, for the end of a message. */
export function received(value: unknown): string {
  if (value === null || value === undefined) return `${value}`
  switch (typeof value) {
    case 'function':
      return `function ${value.name}`
    case 'object':
      return value.constructor?.name
        ? `an instance of ${value.constructor.name}`
        : '[Object: null prototype] {}'
    case 'bigint':
      return `type bigint (${value}n)`
    case 'number':
      return `type number (${numberText(value)})`
    case 'string': {
      const text = value.length > MAX_SHOWN_STRING ? `${value.slice(0, 25)}...` : value
      return `type string (${text.includes("'") ? JSON.stringify(text) : `'${text}'`})`
    }
    default:
      return `type ${typeof value} (${String(value)})`
  }
}

const numberText = (value: number) => (Object.is(value, -0) ? '-0' : `${value}`)

/**
 * @param expected kinds and classes, such as `'number'` or `['Buffer', 'string']`; or the words
 *   themselves, such as `of type number`
 */
export function invalidArgType(
  name: string,
  expected: string | readonly string[],
  value: unknown,
): Error {
  const what = name.endsWith(' argument')
    ? name
    : `"${name}" ${name.includes('.') ? 'property' : 'argument'}`
  const message = `The ${what} must be ${expectedText(expected)}. Received ${received(value)}`
  return nodeTypeError('ERR_INVALID_ARG_TYPE', message)
}

/** A value in a message, in short. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value.includes("'") ? JSON.stringify(value) : `'${value}'`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'function') return `[Function: ${value.name || '(anonymous)'}]`
  if (typeof value === 'object' && value !== null) {
    try {
      if (Array.isArray(value))
        return value.length === 0 ? '[]' : `[ ${value.map(shown).join(', ')} ]`
      const entries = Object.entries(value).map(([key, one]) => `${key}: ${shown(one)}`)
      return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
    } catch {
      return '[Object]'
    }
  }
  return String(value)
}

export function invalidArgValue(
  name: string,
  value: unknown,
  reason = 'is invalid',
  make = nodeTypeError,
): Error {
  let text = shown(value)
  if (text.length > MAX_SHOWN_VALUE) text = `${text.slice(0, MAX_SHOWN_VALUE)}...`
  const what = name.includes('.') ? 'property' : 'argument'
  return make('ERR_INVALID_ARG_VALUE', `The ${what} '${name}' ${reason}. Received ${text}`)
}

/** 1234567 as 1_234_567. */
function separated(text: string): string {
  const sign = text.startsWith('-') ? '-' : ''
  return sign + text.slice(sign.length).replace(/\B(?=(\d{3})+$)/g, '_')
}

/** @param range such as `>= 1 && <= 9` */
export function outOfRange(name: string, range: string, value: unknown): Error {
  let text: string
  if (typeof value === 'bigint') {
    const big = value > 2n ** 32n || value < -(2n ** 32n)
    text = `${big ? separated(String(value)) : value}n`
  } else if (Number.isInteger(value) && Math.abs(value as number) > 2 ** 32) {
    text = separated(String(value))
  } else {
    text = shown(value)
  }
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${text}`
  return nodeRangeError('ERR_OUT_OF_RANGE', message)
}

export const bufferOutOfBounds = (name?: string) =>
  nodeRangeError(
    'ERR_BUFFER_OUT_OF_BOUNDS',
    name === undefined
      ? 'Attempt to access memory outside buffer bounds'
      : `"${name}" is outside of buffer bounds`,
  )

export const unknownEncoding = (encoding: unknown) =>
  nodeTypeError('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`)

export function missingArgs(...names: (string | string[])[]): Error {
  const words = names.map((name) =>
    Array.isArray(name)
      ? listOf(
          name.map((one) => `"${one}"`),
          'or',
        )
      : `"${name}"`,
  )
  const many = words.length === 1 ? 'argument' : 'arguments'
  return nodeTypeError('ERR_MISSING_ARGS', `The ${listOf(words, 'and')} ${many} must be specified`)
}

export const invalidState = (what: string) =>
  nodeError('ERR_INVALID_STATE', `Invalid state: ${what}`)

export const invalidThis = (name: string) =>
  nodeTypeError('ERR_INVALID_THIS', `Value of "this" must be of type ${name}`)

/** @param member such as `http.createServer` */
export function notAvailable(member: string): Error {
  return nodeError(
    'ERR_METHOD_NOT_IMPLEMENTED',
    `${member} is not available in quickjs-ng functions`,
  )
}

/** The error of an operation that its signal ended. */
export class AbortError extends Error {
  code = 'ABORT_ERR'

  constructor(message = 'The operation was aborted', options?: ErrorOptions) {
    if (options !== undefined && typeof options !== 'object') {
      throw invalidArgType('options', 'object', options)
    }
    super(message, options)
    this.name = 'AbortError'
  }
}

/** @param reason of its AbortSignal */
export function aborted(reason?: unknown): AbortError {
  return new AbortError(undefined, reason === undefined ? undefined : { cause: reason })
}
