import { CommanderError } from 'commander'
import { FunctionError } from '../errors.ts'

/** The error document that `--json` prints. */
interface ErrorDocument {
  code: string
  message: string
  file?: string
  line?: number
  column?: number
  /** What is wrong besides. */
  others?: Pick<ErrorDocument, 'message' | 'file' | 'line' | 'column'>[]
}

export function errorDocument(error: unknown): ErrorDocument {
  if (error instanceof CommanderError) {
    return { code: 'BAD_REQUEST', message: usageMessage(error) }
  }
  if (error instanceof FunctionError) {
    const { code, message, position } = error
    const others = error.others.map((each) => ({
      message: printable(each.message),
      ...each.position,
    }))
    const more = others.length > 0 && { others }
    return { code, message: printable(message), ...position, ...more }
  }
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'INTERNAL',
    message: `Internal error (a bug in functions, please report it): ${printable(message)}`,
  }
}

/** A line for each thing that is wrong; never a stack trace. */
export function describeError(error: unknown): string {
  const { others = [], ...first } = errorDocument(error)
  return [first, ...others].map(describe).join('\n')
}

function describe({ message, file, line, column }: Omit<ErrorDocument, 'code'>): string {
  const place = file === undefined ? '' : `${printable(file)}:${line}:${column}: `
  // The message of an invalid configuration already begins with its position.
  return place !== '' && message.startsWith(`${file}:${line}`) ? message : `${place}${message}`
}

/**
 * Replaces control characters: a message may contain a tenant's text, which must not control a
 * terminal.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, '\u{fffd}').trimEnd()
}

function usageMessage({ message }: CommanderError): string {
  const text = message.replace(/^error: /, '').replaceAll('\n', ' ')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?)]$/.test(text) ? '' : '.'}`
}
