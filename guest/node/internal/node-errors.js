/** Errors as Node's modules throw them: a `code`, and the texts that programs and tests look for. */

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

/** Gives an error its code, which its text names, too. */
function coded(error, code) {
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

export const nodeError = (code, message) => coded(new Error(message), code)
export const nodeTypeError = (code, message) => coded(new TypeError(message), code)
export const nodeRangeError = (code, message) => coded(new RangeError(message), code)

function listOf(words, last) {
  if (words.length < 3) return words.join(` ${last} `)
  return `${words.slice(0, -1).join(', ')}, ${last} ${words.at(-1)}`
}

function expectedText(expected) {
  const kinds = []
  const classes = []
  const others = []
  for (const name of [expected].flat()) {
    if (KIND_NAMES.has(name)) kinds.push(name.toLowerCase())
    else if (/^([A-Z][a-z0-9]*)+$/.test(name)) classes.push(name)
    else others.push(name)
  }
  if (classes.length > 0 && kinds.includes('object')) {
    kinds.splice(kinds.indexOf('object'), 1)
    classes.push('Object')
  }
  const parts = []
  if (kinds.length > 0)
    parts.push(`${kinds.length > 1 ? 'one of type' : 'of type'} ${listOf(kinds, 'or')}`)
  if (classes.length > 0) parts.push(`an instance of ${listOf(classes, 'or')}`)
  if (others.length > 1) parts.push(`one of ${listOf(others, 'or')}`)
  else if (others.length === 1) {
    const [other] = others
    parts.push(`${other.toLowerCase() === other ? '' : 'an '}${other}`)
  }
  return parts.join(' or ')
}

/** What kind of value was given, for the end of a message. */
export function received(value) {
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

const numberText = (value) => (Object.is(value, -0) ? '-0' : `${value}`)

export function invalidArgType(name, expected, value) {
  const what = name.endsWith(' argument')
    ? name
    : `"${name}" ${name.includes('.') ? 'property' : 'argument'}`
  const message = `The ${what} must be ${expectedText(expected)}. Received ${received(value)}`
  return nodeTypeError('ERR_INVALID_ARG_TYPE', message)
}

/** A value in a message, in short. */
export function shown(value) {
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

export function invalidArgValue(name, value, reason = 'is invalid', make = nodeTypeError) {
  let text = shown(value)
  if (text.length > MAX_SHOWN_VALUE) text = `${text.slice(0, MAX_SHOWN_VALUE)}...`
  const what = name.includes('.') ? 'property' : 'argument'
  return make('ERR_INVALID_ARG_VALUE', `The ${what} '${name}' ${reason}. Received ${text}`)
}

/** 1234567 as 1_234_567. */
function separated(text) {
  const sign = text.startsWith('-') ? '-' : ''
  return sign + text.slice(sign.length).replace(/\B(?=(\d{3})+$)/g, '_')
}

export function outOfRange(name, range, value) {
  let text
  if (typeof value === 'bigint') {
    const big = value > 2n ** 32n || value < -(2n ** 32n)
    text = `${big ? separated(String(value)) : value}n`
  } else if (Number.isInteger(value) && Math.abs(value) > 2 ** 32) {
    text = separated(String(value))
  } else {
    text = shown(value)
  }
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${text}`
  return nodeRangeError('ERR_OUT_OF_RANGE', message)
}

export const bufferOutOfBounds = (name) =>
  nodeRangeError(
    'ERR_BUFFER_OUT_OF_BOUNDS',
    name === undefined
      ? 'Attempt to access memory outside buffer bounds'
      : `"${name}" is outside of buffer bounds`,
  )

export const unknownEncoding = (encoding) =>
  nodeTypeError('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`)

export function missingArgs(...names) {
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

export const invalidState = (what) => nodeError('ERR_INVALID_STATE', `Invalid state: ${what}`)

export const invalidThis = (name) =>
  nodeTypeError('ERR_INVALID_THIS', `Value of "this" must be of type ${name}`)

/** The error of an operation that its signal ended. */
export class AbortError extends Error {
  constructor(message = 'The operation was aborted', options = undefined) {
    if (options !== undefined && typeof options !== 'object') {
      throw invalidArgType('options', 'object', options)
    }
    super(message, options)
    this.code = 'ABORT_ERR'
    this.name = 'AbortError'
  }
}
