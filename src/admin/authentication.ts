/** Finds out who sent a request that came over TCP. */
import { FunctionError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { storedName, type TokenStore } from '../metadata/token-store.ts'
import type { Caller } from './access.ts'
import { FailedAttempts } from './failed-attempts.ts'

/** Longer than every token. */
const BEARER = /^Bearer +([\x21-\x7e]{1,256})$/i
/** The address of a client that has disconnected meanwhile. */
const UNKNOWN = 'unknown'

export class Authentication {
  readonly #tokens: TokenStore
  readonly #failed: FailedAttempts
  readonly #refused: (address: string, code: string) => void

  /** @param refused is called for every attempt that failed */
  constructor(
    tokens: TokenStore,
    clock: Clock,
    refused: (address: string, code: string) => void = () => {},
  ) {
    this.#tokens = tokens
    this.#failed = new FailedAttempts(clock)
    this.#refused = refused
  }

  /**
   * The caller whose token the request has. Nothing tells a client which of the reasons for a refusal it was.
   *
   * @throws {FunctionError} UNAUTHORIZED; RATE_LIMITED, without a look at the token
   */
  callerOf(request: Request, address: string = UNKNOWN): Caller {
    const retryAfter = this.#failed.waitOf(address)
    if (retryAfter > 0) {
      this.#refused(address, 'RATE_LIMITED')
      const message = `Too many failed attempts came from this address: try again in ${retryAfter} s.`
      throw new FunctionError('RATE_LIMITED', message, { retryAfter })
    }
    const text = BEARER.exec(request.headers.get('authorization') ?? '')?.[1]
    const token = this.#tokens.authenticate(text)
    if (token === undefined) {
      this.#failed.add(address)
      this.#refused(address, 'UNAUTHORIZED')
      const message =
        "A valid token is needed: send it as 'Authorization: Bearer <token>'. 'functions token create' makes one."
      throw new FunctionError('UNAUTHORIZED', message)
    }
    this.#tokens.used(token)
    const { name, role, project } = token
    return { name: storedName(name, project), role, project, address, token }
  }
}
