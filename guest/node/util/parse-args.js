/** util.parseArgs: https://nodejs.org/api/util.html#utilparseargsconfig */
import { invalidArgType, invalidArgValue, nodeTypeError } from '../internal/errors.ts'
import {
  validateArray,
  validateBoolean,
  validateObject,
  validateString,
} from '../internal/validate.ts'

const has = (object, name) => Object.hasOwn(object, name)

function checkList(value, name, check) {
  validateArray(value, name)
  for (const [i, item] of value.entries()) check(item, `${name}[${i}]`)
}

/** Checks the description of one option; its own properties only. */
function checkOption(name, option) {
  const at = `options.${name}`
  validateObject(option, at)
  const type = has(option, 'type') ? option.type : undefined
  if (type !== 'string' && type !== 'boolean') {
    throw invalidArgType(`${at}.type`, ['string', 'boolean'], type)
  }
  if (has(option, 'short')) {
    validateString(option.short, `${at}.short`)
    if (option.short.length !== 1) {
      throw invalidArgValue(`${at}.short`, option.short, 'must be a single character')
    }
  }
  const multiple = has(option, 'multiple') ? option.multiple : false
  if (has(option, 'multiple')) validateBoolean(multiple, `${at}.multiple`)
  const { default: given } = has(option, 'default') ? option : {}
  if (given === undefined) return
  const check = option.type === 'string' ? validateString : validateBoolean
  if (multiple) checkList(given, `${at}.default`, check)
  else check(given, `${at}.default`)
}

const longOf = (short, options) =>
  Object.entries(options).find(([, option]) => option.short === short)?.[0] ?? short

const typeOf = (name, options) => (has(options, name) ? options[name].type : undefined)

/** The parts of the arguments, in order: options, positionals and the terminator. */
function tokensOf(args, options) {
  const tokens = []
  const queue = [...args]
  let index = -1
  let group = 0
  const option = (name, rawName, value, inlineValue) =>
    tokens.push({ kind: 'option', name, rawName, index, value, inlineValue })
  /** The argument after an option that needs a value. */
  const takeValue = () => {
    if (queue.length === 0) return undefined
    return queue.shift()
  }
  const valued = (name, rawName) => {
    const wants = typeOf(name, options) === 'string' && queue.length > 0
    const value = wants ? takeValue() : undefined
    option(name, rawName, value, value === undefined ? undefined : false)
    if (value !== undefined) index++
  }
  while (queue.length > 0) {
    const arg = queue.shift()
    if (group > 0) group--
    else index++
    if (arg === '--') {
      tokens.push({ kind: 'option-terminator', index })
      for (const value of queue) tokens.push({ kind: 'positional', index: ++index, value })
      break
    }
    if (/^-[^-]$/s.test(arg)) {
      valued(longOf(arg[1], options), arg)
    } else if (/^-[^-]./s.test(arg)) {
      const name = longOf(arg[1], options)
      if (typeOf(name, options) === 'string') option(name, arg.slice(0, 2), arg.slice(2), true)
      else {
        // A group such as -abc; a last one that takes a value may have it behind it.
        const parts = []
        for (let at = 1; at < arg.length; at++) {
          const isLast = at === arg.length - 1
          const takes = typeOf(longOf(arg[at], options), options) === 'string'
          if (!takes || isLast) parts.push(`-${arg[at]}`)
          else {
            parts.push(`-${arg.slice(at)}`)
            break
          }
        }
        queue.unshift(...parts)
        group = parts.length
      }
    } else if (/^--./s.test(arg) && !arg.includes('=', 3)) {
      valued(arg.slice(2), arg)
    } else if (/^--./s.test(arg)) {
      const at = arg.indexOf('=', 3)
      option(arg.slice(2, at), arg.slice(0, at), arg.slice(at + 1), true)
    } else {
      tokens.push({ kind: 'positional', index, value: arg })
    }
  }
  return tokens
}

const parseError = (code, message) => nodeTypeError(`ERR_PARSE_ARGS_${code}`, message)

function checkUse(token, { options, allowPositionals, allowNegative }) {
  const { name, rawName, value, inlineValue } = token
  const known = has(options, name)
  const negates = allowNegative && name.startsWith('no-') && has(options, name.slice(3))
  if (!known && !(negates && options[name.slice(3)].type === 'boolean')) {
    const hint = allowPositionals
      ? `. To specify a positional argument starting with a '-', place it at the end of the command after '--', as in '-- ${JSON.stringify(rawName)}`
      : ''
    throw parseError('UNKNOWN_OPTION', `Unknown option '${rawName}'${hint}`)
  }
  const { short, type } = options[known ? name : name.slice(3)]
  const shown = `${short ? `-${short}, ` : ''}--${name}`
  if (known && type === 'string' && typeof value !== 'string') {
    throw parseError('INVALID_OPTION_VALUE', `Option '${shown} <value>' argument missing`)
  }
  if (type === 'boolean' && value !== undefined && value !== null) {
    throw parseError('INVALID_OPTION_VALUE', `Option '${shown}' does not take an argument`)
  }
  if (inlineValue === false && value.length > 1 && value.startsWith('-')) {
    const example = rawName.startsWith('--')
      ? `'${rawName}=-XYZ'`
      : `'--${name}=-XYZ' or '${rawName}-XYZ'`
    throw parseError(
      'INVALID_OPTION_VALUE',
      `Option '${rawName}' argument is ambiguous.\nDid you forget to specify the option argument for '${rawName}'?\nTo specify an option argument starting with a dash use ${example}.`,
    )
  }
}

function store(values, name, value, options) {
  if (name === '__proto__') return
  if (!(has(options, name) && options[name].multiple)) values[name] = value
  else if (has(values, name)) values[name].push(value)
  else values[name] = [value]
}

export function parseArgs(config = {}) {
  validateObject(config, 'config')
  const get = (name, fallback) => (has(config, name) ? config[name] : undefined) ?? fallback
  const args = get('args', globalThis.process?.argv.slice(2) ?? [])
  const strict = get('strict', true)
  const allowPositionals = get('allowPositionals', !strict)
  const allowNegative = get('allowNegative', false)
  const withTokens = get('tokens', false)
  const options = get('options', {})
  validateArray(args, 'args')
  for (const [name, flag] of Object.entries({ strict, allowPositionals, allowNegative })) {
    validateBoolean(flag, name)
  }
  validateBoolean(withTokens, 'tokens')
  validateObject(options, 'options')
  for (const [name, option] of Object.entries(options)) checkOption(name, option)
  if (!args.every((arg) => typeof arg === 'string')) {
    const at = args.findIndex((arg) => typeof arg !== 'string')
    throw invalidArgType(`args[${at}]`, 'string', args[at])
  }
  const tokens = tokensOf(args, options)
  const values = Object.create(null)
  const positionals = []
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (!allowPositionals) {
        const message = `Unexpected argument '${token.value}'. This command does not take positional arguments`
        throw parseError('UNEXPECTED_POSITIONAL', message)
      }
      positionals.push(token.value)
    }
    if (token.kind !== 'option') continue
    if (strict) checkUse(token, { options, allowPositionals, allowNegative })
    const { name, value } = token
    const positive = name.slice(3)
    const negates = allowNegative && name.startsWith('no-') && value === undefined
    if (negates && (!has(options, positive) || options[positive].type === 'boolean')) {
      if (!has(options, name)) {
        store(values, positive, false, options)
        continue
      }
    }
    store(values, name, value ?? true, options)
  }
  for (const [name, option] of Object.entries(options)) {
    const given = has(option, 'default') ? option.default : undefined
    if (given !== undefined && !has(values, name) && name !== '__proto__') values[name] = given
  }
  return { values, positionals, ...(withTokens && { tokens }) }
}
