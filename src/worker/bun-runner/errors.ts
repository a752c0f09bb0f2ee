/** What a tenant threw, as the protocol carries it. */
import { inspect } from 'node:util'

const MAX_MESSAGE = 4096
const MAX_STACK = 16 * 1024

export interface Described {
  message: string
  stack: string | undefined
}

/** Where Bun's own parser refuses a bundle, it throws one of these in place of a SyntaxError. */
interface BuildMessage {
  name: string
  message: string
  position: { line: number; column: number } | null
}

/** Takes whatever was thrown. Looking at it runs the tenant's code, which may throw once more. */
export function describeError(thrown: unknown): Described {
  try {
    return describe(thrown)
  } catch {
    return { message: 'an error that cannot be read was thrown', stack: undefined }
  }
}

/** The fields of an `error` message. */
export function errorFields(error: Described): { message: string; stack?: string } {
  const stack = error.stack === undefined ? {} : { stack: error.stack.slice(0, MAX_STACK) }
  return { message: error.message.slice(0, MAX_MESSAGE), ...stack }
}

function describe(thrown: unknown): Described {
  if (thrown instanceof AggregateError && thrown.errors.length > 0 && isBuild(thrown.errors[0])) {
    return describe(thrown.errors[0])
  }
  if (isBuild(thrown)) {
    const { position } = thrown
    const at = position === null ? '' : `\n    at bundle.js:${position.line}:${position.column}`
    const message = `SyntaxError: ${thrown.message}`
    return { message, stack: `${message}${at}` }
  }
  if (thrown instanceof Error) {
    return { message: String(thrown), stack: tenantFrames(String(thrown.stack ?? '')) }
  }
  const text = typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 2 })
  return { message: `thrown: ${text}`, stack: undefined }
}

function isBuild(thrown: unknown): thrown is BuildMessage {
  return (
    typeof thrown === 'object' && thrown !== null && thrown.constructor?.name === 'BuildMessage'
  )
}

/** Leaves out the frames of this runner. */
function tenantFrames(stack: string): string {
  const lines = stack.split('\n')
  return lines.filter((line) => !/^\s+at .*\[eval\]/.test(line)).join('\n')
}
