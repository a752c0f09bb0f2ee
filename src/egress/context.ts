/** What every outbound request of the broker works with. */
import type { Capabilities } from '../capabilities/schema.ts'
import type { FunctionError } from '../errors.ts'
import type { PrivateAllowance } from './addresses.ts'
import type { Connections } from './connections.ts'
import type { Credentials, CredentialUse } from './credentials.ts'
import type { EgressError } from './errors.ts'
import type { Lookup } from './resolve.ts'

/** The function version that makes a request. */
export interface EgressSubject {
  functionId: string
  functionName: string
  project: string
  version: string
  capabilities: Capabilities
  /** Secrets that are filled in for it. */
  credentials?: Credentials | undefined
  /** Undefined: nobody counts. */
  meter?: EgressMeter | undefined
}

/** Counts what a function sends and receives, and stops it at its limits. */
export interface EgressMeter {
  /** A request is about to be sent. @returns why it may not */
  admitEgress(): FunctionError | undefined
  /** Bytes of a body passed. @returns why no more may */
  egressBytes(bytes: number): FunctionError | undefined
}

export interface EgressLimits {
  /** Requests to upstreams that one invocation may make, including redirects. */
  maxSubrequests: number
  /** Fetches of one invocation that may be open at once; further ones wait. */
  maxOpen: number
  /** Size of one body in bytes, in either direction, as the worker sees it; 0 = no limit. */
  maxBodyBytes: number
}

/** How a fetch ended. */
export type EgressOutcome = 'ok' | 'refused' | 'failed' | 'aborted'

export interface EgressContext {
  limits: EgressLimits
  allowance: PrivateAllowance
  lookup: Lookup
  connections: Connections
  userAgent: string
  onFinished(subject: EgressSubject, outcome: EgressOutcome): void
  onProxyFailure(error: EgressError): void
  onCredential(subject: EgressSubject, use: CredentialUse): void
}
