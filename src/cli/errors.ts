import { CommanderError } from 'commander'
import { FunctionError } from '../errors.ts'

/** What `--json` prints of an error. */
export interface ErrorDocument {
  code: string
  message: string
  file?: string
  line?: number
  column?: number
}

export function errorDocument(error: unknown): ErrorDocument {
  if (error instanceof CommanderError) {
    return { code: 'BAD_REQUEST', message: usageMessage(error) }
  }
  if (error instanceof FunctionError) {
    const { code, message, position } = error
    return { code, message: printable(message), ...position }
  }
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'INTERNAL',
    message: `Internal error (a bug in functions, please report it): ${printable(message)}`,
  }
}

/** One sentence for people; never a stack trace. */
export function describeError(error: unknown): string {
  const { message, file, line, column } = errorDocument(error)
  const place = file === undefined ? '' : `${printable(file)}:${line}:${column}: `
  // The message of a wrong configuration begins with its place already.
  return place !== '' && message.startsWith(`${file}:${line}`) ? message : `${place}${message}`
}

/** Text without what would steer a terminal: messages and names may be a tenant's. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, '\u{fffd}').trimEnd()
}

function usageMessage({ message }: CommanderError): string {
  const text = message.replace(/^error: /, '').replaceAll('\n', ' ')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?)]$/.test(text) ? '' : '.'}`
}
