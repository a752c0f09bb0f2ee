/** What every fetch of the broker works with. */
import type { PrivateAllowance } from './addresses.ts'
import type { Connections } from './connections.ts'
import type { Lookup } from './resolve.ts'
import type { EgressSubject } from './session.ts'

export interface EgressLimits {
  /** Requests to upstreams of one invocation, redirects counted; */
  maxSubrequests: number
  /** fetches of it that are open at once: the next one waits; */
  maxOpen: number
  /** bytes of one body, either way, as the worker sees it; 0 = no limit. */
  maxBodyBytes: number
}

/** How a fetch ended. */
export type EgressOutcome = 'ok' | 'refused' | 'failed' | 'aborted'

export interface EgressParts {
  limits: EgressLimits
  allowance: PrivateAllowance
  lookup: Lookup
  connections: Connections
  userAgent: string
  counted(subject: EgressSubject, outcome: EgressOutcome): void
}
