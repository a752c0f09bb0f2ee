/** Describes what a tenant threw, as the protocol carries it. */
import { inspect } from 'node:util'
import { MAX_ERROR_MESSAGE, MAX_ERROR_STACK } from '../../src/worker/protocol/limits.ts'

export interface Described {
  message: string
  /** The frames only, without the message. */
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
    return { message, stack: tenantFrames(message, String(thrown.stack ?? '')) }
  }
  const text = typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 2 })
  return { message: `thrown: ${text}`, stack: undefined }
}

function isBuild(thrown: unknown): thrown is BuildMessage {
  return (
    typeof thrown === 'object' && thrown !== null && thrown.constructor?.name === 'BuildMessage'
  )
}

/** Removes the message, which has its own field, and the frames of this runner. */
function tenantFrames(message: string, stack: string): string {
  const frames = stack.startsWith(`${message}\n`) ? stack.slice(message.length + 1) : stack
  const lines = frames.split('\n')
  return lines.filter((line) => !/^\s+at .*\[eval\]/.test(line)).join('\n')
}
