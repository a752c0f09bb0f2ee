/** Who may call a function that needs a token. */
import { FailedAttempts } from '../admin/failed-attempts.ts'
import { FunctionError } from '../errors.ts'
import { OWN_AUTHORIZATION, type RawHeaders } from '../gateway/headers.ts'
import type { Clock } from '../lib/clock.ts'
import { Gate } from '../limits/gate.ts'
import type { Ledger } from '../limits/ledger.ts'
import { limitsOf } from '../limits/names.ts'
import type { TokenStore } from '../metadata/token-store.ts'

/** Longer than every token. */
const BEARER = /^Bearer +([\x21-\x7e]{1,256})$/i
/** The address of a client that has disconnected meanwhile. */
const UNKNOWN = 'unknown'
const NEEDED =
  "This function needs a valid token of the role 'invoker': send it as 'Authorization: Bearer <token>' or 'Functions-Authorization: Bearer <token>'."

export class InvokerAccess {
  readonly #tokens: TokenStore
  readonly #failed: FailedAttempts

  readonly #ledger: Ledger

  constructor(tokens: TokenStore, clock: Clock, ledger: Ledger) {
    this.#ledger = ledger
    this.#tokens = tokens
    this.#failed = new FailedAttempts(clock)
  }

  /**
   * Checks the token of a request to a protected function of the project. A token of another role is none here, so
   * nobody has a reason to send one to where tenants are. Nothing tells a client which of the reasons it was.
   *
   * @returns the limits of the token; undefined if it has none
   * @throws {FunctionError} UNAUTHORIZED; RATE_LIMITED after many failed attempts
   */
  check(headers: RawHeaders, project: string, address: string = UNKNOWN): Gate | undefined {
    const given = headers[OWN_AUTHORIZATION] ?? headers.authorization ?? ''
    const token = this.#tokens.authenticate(BEARER.exec(String(given))?.[1])
    const allowed =
      token?.role === 'invoker' && (token.project === undefined || token.project === project)
    if (!allowed) {
      // Others may share the address, such as the functions of this machine: a valid token is not refused.
      const retryAfter = this.#failed.waitOf(address)
      if (retryAfter > 0) {
        const message = `Too many failed attempts came from this address: try again in ${retryAfter} s.`
        throw new FunctionError('RATE_LIMITED', message, { retryAfter })
      }
      this.#failed.add(address)
      throw new FunctionError('UNAUTHORIZED', NEEDED)
    }
    this.#tokens.used(token)
    const scope = { level: 'token', name: token.id, limits: limitsOf(token.limits) } as const
    return Gate.of([scope], this.#ledger)
  }
}
