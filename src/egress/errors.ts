/** Why an outbound request failed. */

/** REFUSED: a rule forbids it. FAILED: the upstream or the network failed. TIMEOUT: no response came. */
export type EgressErrorCode = 'REFUSED' | 'FAILED' | 'TIMEOUT' | 'ABORTED'

/** The tenant's code sees the message: it names the rule, and reveals nothing about this machine. */
export class EgressError extends Error {
  readonly code: EgressErrorCode

  constructor(code: EgressErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'EgressError'
    this.code = code
  }
}

export function refused(message: string): EgressError {
  return new EgressError('REFUSED', message)
}

export function failed(message: string, cause?: unknown): EgressError {
  return new EgressError('FAILED', message, cause)
}
