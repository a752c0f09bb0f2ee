/** Why an outbound request was not answered. */

/** REFUSED: a rule forbids it. FAILED: the upstream or the way to it. TIMEOUT: the same, by silence. */
export type EgressErrorCode = 'REFUSED' | 'FAILED' | 'TIMEOUT' | 'ABORTED'

/** Its message goes to the tenant's code: it names the rule, and nothing of this machine. */
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
