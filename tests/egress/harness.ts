/** Runs fetches through a broker as the host of a worker does, and records the results. */
import { namedProfile } from '../../src/capabilities/profiles.ts'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import type { EgressSubject } from '../../src/egress/context.ts'
import { Egress, type EgressOptions } from '../../src/egress/egress.ts'
import type { EgressError } from '../../src/egress/errors.ts'
import type {
  EgressCall,
  EgressRequest,
  EgressResponse,
  EgressSink,
} from '../../src/egress/outbound-request.ts'
import type { EgressSession } from '../../src/egress/session.ts'

export function makeEgress(options: Partial<EgressOptions> = {}): Egress {
  return new Egress({
    allowPrivate: [],
    maxSubrequests: 50,
    maxOpen: 6,
    maxBodyBytes: 64 * 2 ** 20,
    connectTimeoutMs: 2_000,
    headTimeoutMs: 5_000,
    bodyTimeoutMs: 5_000,
    maxHeaderBytes: 32 * 1024,
    ...options,
  })
}

/** A function version that may fetch from anywhere, unless `capabilities` restrict it. */
export function makeSubject(capabilities: Partial<Capabilities> = {}): EgressSubject {
  return {
    functionId: 'func-probe',
    functionName: 'probe',
    project: 'default',
    version: 'v1',
    capabilities: { ...namedProfile('permissive', 'default'), ...capabilities },
  }
}

export function makeSession(
  egress: Egress,
  capabilities: Partial<Capabilities> = {},
): EgressSession {
  return egress.session(makeSubject(capabilities))
}

export interface Fetched {
  head: EgressResponse | undefined
  body: Buffer
  error: EgressError | undefined
}

export interface Running {
  call: EgressCall
  done: Promise<Fetched>
  head: Promise<EgressResponse>
  received: () => number
  taken: () => number
  unwanted: Promise<void>
}

export interface FetchOptions extends Partial<EgressRequest> {
  /** Pauses the body after this many bytes, until `call.resume`. */
  pauseAfter?: number
}

export function begin(session: EgressSession, url: string, options: FetchOptions = {}): Running {
  const { pauseAfter = Number.POSITIVE_INFINITY, ...request } = options
  const done = Promise.withResolvers<Fetched>()
  const first = Promise.withResolvers<EgressResponse>()
  const unwanted = Promise.withResolvers<void>()
  first.promise.catch(() => {})
  const parts: Buffer[] = []
  let head: EgressResponse | undefined
  let received = 0
  let taken = 0
  const finish = (error?: EgressError) => done.resolve({ head, body: Buffer.concat(parts), error })
  const sink: EgressSink = {
    response: (response) => {
      head = response
      first.resolve(response)
      if (response.end) finish()
    },
    chunk: (bytes) => {
      received += bytes.length
      if (bytes.length === 0) throw new Error('an empty chunk')
      parts.push(Buffer.from(bytes))
      return received < pauseAfter
    },
    end: () => finish(),
    fail: (error) => {
      first.reject(error)
      finish(error)
    },
    taken: (bytes) => {
      taken += bytes
    },
    bodyUnwanted: () => unwanted.resolve(),
  }
  const call = session.fetch(
    {
      method: 'GET',
      url,
      headers: [],
      redirect: 'follow',
      body: undefined,
      end: true,
      ...request,
    },
    sink,
  )
  return {
    call,
    done: done.promise,
    head: first.promise,
    unwanted: unwanted.promise,
    received: () => received,
    taken: () => taken,
  }
}

export function fetchOnce(
  session: EgressSession,
  url: string,
  options: FetchOptions = {},
): Promise<Fetched> {
  return begin(session, url, options).done
}
