/** Why an outbound request failed. */

/** REFUSED: a rule forbids it. FAILED: the upstream or the network failed. TIMEOUT: no response came. */
export type EgressErrorCode = 'REFUSED' | 'FAILED' | 'TIMEOUT' | 'ABORTED'

/**
 * What exactly went wrong: `error.cause.code` in the function. Where Node has a code for it, that one;
 * the others begin with ERR_. docs/writing-functions.md lists them.
 */
export type EgressReason = string

/** The tenant's code sees message and reason: they name the rule, and reveal nothing about this machine. */
export class EgressError extends Error {
  readonly code: EgressErrorCode
  readonly reason: EgressReason

  constructor(code: EgressErrorCode, reason: EgressReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'EgressError'
    this.code = code
    this.reason = reason
  }
}

export function refused(message: string, reason: EgressReason = 'ERR_POLICY'): EgressError {
  return new EgressError('REFUSED', reason, message)
}

export function failed(reason: EgressReason, message: string, cause?: unknown): EgressError {
  return new EgressError('FAILED', reason, message, cause)
}

export function aborted(): EgressError {
  return new EgressError('ABORTED', 'ABORT_ERR', 'The fetch was aborted.')
}
