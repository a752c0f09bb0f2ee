/** The outbound requests of one invocation. */
import type { EgressContext, EgressSubject } from './context.ts'
import type { EgressError } from './errors.ts'
import {
  type EgressCall,
  type EgressRequest,
  type EgressSink,
  OutboundRequest,
} from './outbound-request.ts'
import { EgressQuota } from './quota.ts'

export class EgressSession {
  readonly #subject: EgressSubject
  readonly #context: EgressContext
  readonly #quota: EgressQuota
  readonly #calls = new Set<OutboundRequest>()

  constructor(subject: EgressSubject, context: EgressContext) {
    this.#subject = subject
    this.#context = context
    this.#quota = new EgressQuota(context.limits)
  }

  /** Starts a fetch. No method of `sink` is called before this returns. */
  fetch(request: EgressRequest, sink: EgressSink): EgressCall {
    const call = new OutboundRequest(this.#subject, this.#context, this.#quota, request, sink)
    this.#calls.add(call)
    queueMicrotask(() => void call.run().finally(() => this.#calls.delete(call)))
    return call
  }

  /** Aborts the fetches that are still open: the invocation is over. */
  close(): void {
    for (const call of [...this.#calls]) call.abort()
  }

  /** Counts a fetch that the worker asks for; returns the refusal where the quota is used up. */
  ask(): EgressError | undefined {
    const refusal = this.#quota.ask()
    if (refusal !== undefined) this.#context.onFinished(this.#subject, 'refused')
    return refusal
  }
}
