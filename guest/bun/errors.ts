/** Describes what a tenant threw, as the protocol carries it. */
import { inspect } from 'node:util'
import { MAX_ERROR_MESSAGE, MAX_ERROR_STACK } from '../../src/worker/protocol/limits.ts'

export interface Described {
  message: string
  /** The frames, and the errors within this one, without the message. */
  stack: string | undefined
}

/** Bun's parser throws one of these instead of a SyntaxError. */
interface BuildMessage {
  name: string
  message: string
  position: { line: number; column: number } | null
}

/** Accepts any value. Reading it may run the tenant's code, which may throw again. */
export function describeError(thrown: unknown): Described {
  try {
    return describe(thrown)
  } catch {
    return { message: 'The function threw an error that cannot be read', stack: undefined }
  }
}

/** The text for a log line. */
export function errorText({ message, stack }: Described): string {
  return stack ? `${message}\n${stack}` : message
}

/** The fields of an `error` message. */
export function errorFields(error: Described): { message: string; stack?: string } {
  const stack = error.stack === undefined ? {} : { stack: error.stack.slice(0, MAX_ERROR_STACK) }
  return { message: error.message.slice(0, MAX_ERROR_MESSAGE), ...stack }
}

function describe(thrown: unknown): Described {
  if (thrown instanceof AggregateError && thrown.errors.length > 0 && isBuild(thrown.errors[0])) {
    return describe(thrown.errors[0])
  }
  if (isBuild(thrown)) {
    const { position } = thrown
    const at = position === null ? '' : `\n    at bundle.js:${position.line}:${position.column}`
    const message = `SyntaxError: ${thrown.message}`
    return { message, stack: at.trimStart() }
  }
  if (thrown instanceof Error) {
    const message = String(thrown)
    return {
      message,
      stack: withoutRunner(belowMessage(message, inspect(thrown, { depth: DEPTH }))),
    }
  }
  const text = typeof thrown === 'string' ? thrown : inspect(thrown, { depth: DEPTH })
  return { message: text, stack: undefined }
}

/** The same depth as that of `console`, so that an error looks alike however it is logged. */
export const DEPTH = 4

/** What the log shows of an error below its first line: frames, properties, causes. */
function belowMessage(message: string, inspected: string): string {
  const text = inspected.replace(/^<ref \*\d+> /, '')
  if (text.startsWith(message)) return text.slice(message.length).replace(/^\n/, '')
  // The stack has the name and the message that the error was created with.
  const first = text.indexOf('\n    at ')
  return first < 0 ? '' : text.slice(first + 1)
}

function isBuild(thrown: unknown): thrown is BuildMessage {
  return (
    typeof thrown === 'object' && thrown !== null && thrown.constructor?.name === 'BuildMessage'
  )
}

/** A frame of this runner, and what may follow it: the braces of the error's properties, a comma. */
const RUNNER_FRAME = /^\s+at .*\[eval\]:\d+:\d+\)?(.*)$/

/** Removes the frames of this runner from stacks. */
export function withoutRunner(text: string): string {
  if (!text.includes('[eval]:')) return text
  const lines: string[] = []
  for (const line of text.split('\n')) {
    const rest = RUNNER_FRAME.exec(line)?.[1]
    if (rest === undefined) lines.push(line)
    else if (rest !== '')
      lines.push(lines.length === 0 ? rest.trimStart() : `${lines.pop()}${rest}`)
  }
  return lines.join('\n')
}
