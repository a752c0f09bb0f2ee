import { FunctionError } from '../errors.ts'
import { NULL_BODY_STATUSES } from '../lib/null-body-status.ts'
import type { Gate } from '../limits/gate.ts'
import type { PendingRequest, Waited } from '../pool/pending-request.ts'
import type { Dispatch } from '../pool/pool.ts'
import type { Route } from '../router/route.ts'
import { AWAITING_BYTES } from '../worker/protocol/limits.ts'
import type { Invocation, InvocationRequest, ResponseHead } from '../worker/worker.ts'
import { ClientClock } from './client-clock.ts'
import type { ExchangeHost } from './exchange-host.ts'
import {
  connectionHeaders,
  removeHeader,
  responseHeaders,
  serverTiming,
  setHeader,
  withCookie,
} from './headers.ts'
import { clientProblem } from './problem.ts'
import { repeatObstacle } from './repeatable.ts'
import type { RequestBody } from './request-body.ts'
import { type BodyObserver, ResponseBody } from './response-body.ts'
import {
  BodyLength,
  COLLECT_BYTES,
  CollectedBody,
  statedLength,
  wholeBody,
} from './stated-length.ts'
import { routeOf } from './traffic.ts'

/**
 * Age (ms) at which an exchange starts to watch for the client's disconnect. Most requests are over
 * before, and watching costs more than everything else here.
 */
const WATCH_AFTER_MS = 25

/**
 * The phases of a request. `head`: the response head is awaited, until the deadline. `body`: the head
 * is out and the body follows, bounded by `streamIdleMs` and `maxDurationMs`. `after`: the client has
 * the whole response; what `waitUntil` holds runs on, for `waitUntilMs`. A client that disconnects
 * changes neither: its handler has until the deadline, and `waitUntil` its time after that. Time in
 * which the exchange waits for its client postpones the limits of the function, and has limits too.
 */
type Phase = 'head' | 'body' | 'after'

const OTHERS_WAIT =
  'was waited for longer than the function has (server.timeout), and other requests waited for a worker'
/** The limit of `waitUntil` counts from the next tick. */
const AT_NEXT_TICK = -1
/**
 * Lets a service worker control pages outside of its folder. Functions that are served below a path share an origin, so
 * one could answer in place of the others.
 */
const WIDER_SCOPE = 'service-worker-allowed'
/** The outcome of a request whose client disconnected. */
const CLIENT_GONE = 'CLIENT_GONE'

/**
 * One request and its response: the client on one side, an invocation on the other. It owns
 * the deadlines that run while a client waits, and the phases of the request. The pool only bounds the
 * time in its queue (OVERLOADED).
 */
export class Exchange implements PendingRequest, BodyObserver {
  readonly answered: Promise<Response>
  readonly requestId: string
  readonly arrivedAt: number
  request: InvocationRequest
  route: Route
  requestBody: RequestBody | undefined
  /** What admitted the request, and counts it while it runs. */
  gate: Gate | undefined
  /** The same, for the limits of the caller's token. */
  tokenGate: Gate | undefined
  /** The Origin header of the request. */
  origin: string | undefined
  /** The path below which the function is served; empty: it has its host for itself. */
  prefix = ''
  /** A Set-Cookie header of the service. */
  cookie: string | undefined
  readonly #host: ExchangeHost
  readonly client: Request
  #resolve!: (response: Response) => void
  #phase: Phase = 'head'
  #dispatch: Dispatch | undefined
  #invocation: Invocation | undefined
  #waited: Waited | undefined
  #dispatchedAt = 0
  #body: ResponseBody | undefined
  /**
   * The response to a stream of which no byte came yet. Bun's server would send a part of the head, which
   * is of no use to a client; as long as it has nothing, a failure can still be told, or the request be
   * tried on another worker. docs/http.md has Bun's issue: when it is fixed, the head should leave at once.
   */
  #held: Response | undefined
  /** A whole body that does not fit its head, until it is complete. */
  #collected: CollectedBody | undefined
  /** The length of a stream that its handler stated. */
  #length: BodyLength | undefined
  /** The response body is not sent: HEAD. */
  #discards = false
  /** The handler still sends a body that is not sent on. */
  #discarding = false
  #dueAt: number
  /** Made when the client is first waited for: most requests are over before. */
  #clientClock: ClientClock | undefined
  #tickedAt: number
  /** When the function last sent a part of its body, or the exchange last waited for the client. */
  #touchedAt = 0
  /** The function sent something since the last tick. */
  #stirred = false
  /** Bytes of a response body that was complete with its head. */
  #wholeBytes = 0
  /** Bytes of the response body that the client's socket took, and how many the client acknowledged. */
  #given = 0
  #acknowledged = 0
  #watched = false
  #over = false
  /** Nobody waits for the response any more. */
  #gone = false
  #outcome = 'ok'

  constructor(
    host: ExchangeHost,
    route: Route,
    request: InvocationRequest,
    requestId: string,
    arrivedAt: number,
    client: Request,
  ) {
    this.#host = host
    this.route = route
    this.request = request
    this.requestId = requestId
    this.arrivedAt = arrivedAt
    this.client = client
    this.#dueAt = request.deadline
    this.#tickedAt = arrivedAt
    this.answered = new Promise((resolve) => {
      this.#resolve = resolve
    })
    host.opened(this)
  }

  /** The response head was not sent, and somebody waits for it. */
  get waiting(): boolean {
    return this.#phase === 'head' && !this.#gone
  }

  /**
   * Another deployment of the function may serve it by now. A request stays with its version if that has weight.
   *
   * @param active the function's route now
   */
  reroute(active: Route): void {
    const { version } = this.route
    const { split } = active
    this.route = (split && routeOf(split, version)) ?? active
    if (this.route.version !== version) this.cookie = undefined
  }

  submit(): void {
    const dispatch = this.route.pool.submit(this)
    if (!this.#over) this.#dispatch = dispatch
  }

  dispatched(invocation: Invocation, waited: Waited): void {
    this.#invocation = invocation
    this.#waited = waited
    this.#dispatchedAt = this.arrivedAt + waited.queueMs + waited.initMs
    const body = this.requestBody
    if (body !== undefined && !this.request.end) void body.pump(invocation)
  }

  retryObstacle(begun: boolean): string | undefined {
    if (this.#phase !== 'head') return 'a part of its response had left'
    return (
      (begun ? repeatObstacle(this.request, this.route) : undefined) ??
      (this.request.end ? undefined : this.requestBody?.obstacle)
    )
  }

  requeued(): void {
    if (this.#dropHeld()) this.#dueAt = this.request.deadline
    this.requestBody?.rewind()
  }

  began(initMs: number): void {
    if (this.#waited === undefined) return
    const sinceMs = this.#host.now() - this.#dispatchedAt
    this.#waited.initMs = Math.min(initMs, sinceMs)
    this.#dispatchedAt += this.#waited.initMs
  }

  response(head: ResponseHead): void {
    if (this.#phase !== 'head') return
    if (this.#gone) {
      this.#responseOver()
      return
    }
    this.#discards = this.request.method === 'HEAD' || NULL_BODY_STATUSES.has(head.status)
    if (!head.end && !this.#discards) {
      const { length } = head
      if (length !== undefined && length <= COLLECT_BYTES) {
        this.#collect(new CollectedBody(head, length), head.body)
        return
      }
      const stated = length ?? statedLength(head.headers)
      this.#length = stated === undefined ? undefined : new BodyLength(stated)
    }
    try {
      const response = this.#toResponse(head)
      const complete = head.end || this.#discards
      this.#discarding = this.#discards && !head.end
      if (complete || head.body !== undefined) this.#answer(response, complete)
      else this.#hold(response)
    } catch (cause) {
      const what = `Function '${this.route.functionName}' returned a status or header that HTTP cannot carry.`
      this.fail(new FunctionError('INVALID_RESPONSE', what, { cause }))
      this.#dispatch?.cancel('invalid response')
      return
    }
    if (head.body !== undefined && !head.end) this.chunk(head.body)
  }

  chunk(bytes: Uint8Array): void {
    if (this.#gone) return
    this.#stirred = true
    if (this.#collected !== undefined) {
      if (!this.#collected.add(bytes)) this.#wrongLength(this.#collected.length)
      return
    }
    if (this.#length !== undefined && !this.#length.add(bytes.length)) {
      this.#wrongLength(this.#length)
      return
    }
    this.#sendHeld()
    if (this.#body !== undefined) this.#body.push(bytes)
    else this.#invocation?.credit(bytes.length)
  }

  end(): void {
    const collected = this.#collected
    const length = collected?.length ?? this.#length
    if (length !== undefined && !length.complete) {
      this.#wrongLength(length)
      return
    }
    this.#collected = undefined
    if (collected !== undefined) {
      this.response(collected.response)
      return
    }
    this.#discarding = false
    this.#sendHeld()
    this.#body?.end()
  }

  drain(): void {
    this.requestBody?.drain()
  }

  bodyUnwanted(): void {
    this.requestBody?.stop()
  }

  /** Reports a failure to the client if the response head was not sent, else breaks the response. */
  fail(error: FunctionError): void {
    if (this.#phase === 'after') return
    if (this.#gone) {
      this.#failUnheard(error)
      return
    }
    const begun = this.#dropHeld() || this.#phase !== 'head'
    // The worker enforces the deadline too, by its own clock; the client gets one text for both.
    if (error.code === 'TIMEOUT' && !begun) error = this.#deadlineError()
    this.#outcome = error.code
    this.#host.failed(this.route, this.requestId, error)
    if (this.#phase === 'body') {
      this.#body?.break()
      this.#responseOver()
      return
    }
    const options = { requestId: this.requestId, expose: this.route.exposeErrors }
    const cors = this.#host.cors.headersFor(this.route, this.origin)
    const response = clientProblem(error, { ...options, cors, serverTiming: this.#timing() })
    if (this.#host.draining) response.headers.set('connection', 'close')
    this.#answer(response, true)
  }

  done(result: { cpuUs: number; cut?: FunctionError | undefined }): void {
    if (this.#over) return
    this.#over = true
    if (this.#phase === 'head') this.#leave()
    if (result.cut !== undefined) this.#noteCut(result.cut)
    this.requestBody?.stop()
    this.gate?.leave()
    this.tokenGate?.leave()
    const { meter } = this.route
    meter.usage.ended(this.#host.now() - this.arrivedAt, (this.#waited?.initMs ?? 0) > 0)
    this.route.counters.record(this.#outcome, this.#host.now() - this.arrivedAt, result.cpuUs)
    if (this.#phase === 'after') this.#host.closed(this)
  }

  /** Ends a phase that has reached its limit. */
  tick(now: number): void {
    const watch =
      !this.#watched && this.#phase !== 'after' && now >= this.arrivedAt + WATCH_AFTER_MS
    if (watch) this.#watch()
    const ms = now - this.#tickedAt
    this.#tickedAt = now
    if (this.#stirred) this.#touchedAt = now
    this.#stirred = false
    if (this.#awaitsClient()) this.#chargeClient(now, ms)
    if (this.#dueAt === AT_NEXT_TICK) this.#dueAt = now + this.#host.limits.waitUntilMs
    if (now < this.#dueAt) return
    if (this.#phase === 'after') this.#cancelBackground()
    else if (this.#phase === 'body' || this.#begun) this.#checkBody(now)
    else this.#timeOut()
  }

  /** Ends the exchange before its limits, because the service stops. */
  abandon(error: FunctionError): void {
    const cut = this.#phase === 'after' ? error : undefined
    this.fail(error)
    this.#stop('the service stops')
    if (!this.#over) this.done({ cpuUs: 0, cut })
  }

  /** The request body is longer than allowed. */
  tooLarge(limitBytes: number): void {
    const message = `The request body is larger than ${limitBytes} bytes (server.max_body).`
    this.#refuse(new FunctionError('PAYLOAD_TOO_LARGE', message))
  }

  /** The client disconnected. */
  gone(): void {
    if (this.#gone || this.#phase === 'after') return
    this.#outcome = CLIENT_GONE
    this.#lose('client disconnected', new Response(null, { status: 499 }))
  }

  /** The client sent a part of its body. */
  moved(bytes: number): void {
    this.#clientClock?.moved(bytes)
  }

  taken(bytes: number): void {
    this.#given += bytes
    this.#clientClock?.moved(bytes)
    this.#invocation?.credit(bytes)
  }

  /** The response is held up by its client. */
  get stalled(): boolean {
    return this.#phase === 'body' && this.#body?.blocked === true
  }

  /** Bytes that the system holds for the client: it acknowledged the rest of what its socket took. */
  unacknowledged(bytes: number): void {
    const acknowledged = this.#given - bytes
    if (acknowledged <= this.#acknowledged) return
    this.#clientClock?.moved(acknowledged - this.#acknowledged)
    this.#acknowledged = acknowledged
  }

  sent(): void {
    this.#responseOver()
  }

  #toResponse(head: ResponseHead): Response {
    const { status } = head
    if (status < 200 || status > 599) throw new RangeError(`status ${status}`)
    const keepLength = this.#discards && status !== 204 && status !== 205
    const given = responseHeaders(head.headers, this.requestId, this.#timing(), keepLength)
    const headers = this.cookie === undefined ? given : withCookie(given, this.cookie)
    if (keepLength && head.length !== undefined) setHeader(headers, 'content-length', head.length)
    connectionHeaders(headers, head.headers, status, this.#host.draining)
    if (this.prefix !== '') removeHeader(headers, WIDER_SCOPE)
    if (this.origin !== undefined) this.#host.cors.learn(this.route, this.origin, headers)
    if (head.end || this.#discards) {
      if (!this.#discards) this.#wholeBytes = head.body?.length ?? 0
      return new Response(wholeBody(head), { status, headers })
    }
    this.#body = new ResponseBody(this)
    try {
      return new Response(this.#body.stream, { status, headers })
    } catch (error) {
      this.#body = undefined
      throw error
    }
  }

  /** The worker has begun its response, of which the client knows nothing. */
  get #begun(): boolean {
    return this.#held !== undefined || this.#collected !== undefined
  }

  #collect(collected: CollectedBody, first: Uint8Array | undefined): void {
    this.#collected = collected
    this.#touchedAt = this.#host.now()
    this.#dueAt = this.#bodyDueAt()
    if (first !== undefined) this.chunk(first)
  }

  /** The body is longer or shorter than stated: the client must not take it for whole. */
  #wrongLength({ stated, seen }: BodyLength): void {
    if (this.#gone || this.#phase === 'after') return
    const { functionName } = this.route
    const had = seen > stated ? 'is longer' : `ended after ${seen} bytes`
    const message = `Function '${functionName}' stated a Content-Length of ${stated}, and its body ${had}.`
    this.fail(new FunctionError('INVALID_RESPONSE', message))
    this.#dispatch?.disconnect('wrong length of the response')
  }

  #hold(response: Response): void {
    this.#held = response
    this.#touchedAt = this.#host.now()
    this.#dueAt = this.#bodyDueAt()
  }

  #sendHeld(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#answer(held, false)
  }

  /** @returns whether a response was held, of which the client knows nothing */
  #dropHeld(): boolean {
    this.#length = undefined
    if (!this.#begun) return false
    this.#held = undefined
    this.#collected = undefined
    this.#body = undefined
    return true
  }

  #answer(response: Response, complete: boolean): void {
    this.requestBody?.forget()
    if (complete) {
      this.#responseOver()
    } else {
      this.#phase = 'body'
      this.#touchedAt = this.#host.now()
      this.#dueAt = this.#bodyDueAt()
    }
    this.#resolve(response)
  }

  /** The response is over. What the handler left running in `waitUntil` has its own limit. */
  #responseOver(): void {
    if (this.#phase !== 'after')
      this.route.meter.usage.answered(this.#outcome, this.#wholeBytes + this.#given)
    this.#phase = 'after'
    // Most requests are over before the next tick.
    this.#dueAt = AT_NEXT_TICK
    if (this.#watched) this.#host.keepOpen(this.client, false)
    if (this.#over) this.#host.closed(this)
  }

  /** The client gets no response; the promise of the response still has to be settled. */
  #leave(): void {
    this.#responseOver()
    this.#resolve(new Response(null, { status: 499 }))
  }

  /**
   * The function has no bytes to work on, or sends none, because the client is slow: it owes the rest of
   * its body, of which the worker has read all that came, or it does not take the response.
   */
  #awaitsClient(): boolean {
    if (this.#gone || this.#phase === 'after') return false
    if (this.#phase === 'body' && this.#body?.blocked === true) return true
    const invocation = this.#invocation
    return (
      this.requestBody?.awaited === true &&
      invocation !== undefined &&
      invocation.unread <= AWAITING_BYTES
    )
  }

  #chargeClient(now: number, ms: number): void {
    this.#clientClock ??= new ClientClock()
    const why =
      this.#clientClock.waited(ms, this.#host.limits.client) ??
      (this.#mustYield() ? OTHERS_WAIT : undefined)
    if (why !== undefined) {
      this.#disconnect(why)
      return
    }
    this.#touchedAt = now
    if (this.#phase !== 'head') return
    this.#dueAt += ms
    this.request.deadline += ms
    this.#invocation?.postpone(ms)
  }

  /** The client had as much time as the function has, and another request waits for the place in a worker. */
  #mustYield(): boolean {
    const waitedMs = this.#clientClock?.waitedMs ?? 0
    return waitedMs >= this.route.timeoutMs && this.#dispatch?.claimPlace() === true
  }

  /** The client reached a limit of its own. */
  #disconnect(why: string): void {
    const sending = this.#phase === 'head'
    const message = `The client ${why}.`
    this.#note('info', `${sending ? 'The request' : 'The response'} was broken off. ${message}`)
    this.#refuse(new FunctionError('CLIENT_TIMEOUT', message))
  }

  /** The client is at fault: it gets the error, and the function does what it would without a client. */
  #refuse(error: FunctionError): void {
    if (this.#gone || this.#phase === 'after') return
    this.#outcome = error.code
    const options = { requestId: this.requestId, serverTiming: this.#timing() }
    const response = clientProblem(error, options)
    // The rest of its body may still come, and is not read as a request.
    response.headers.set('connection', 'close')
    this.#lose(error.message, response)
  }

  /**
   * Nobody waits for the response any more. What the function does goes on; without a body to send, only
   * `waitUntil` is left of it.
   */
  #lose(reason: string, answer: Response): void {
    this.#gone = true
    this.requestBody?.stop()
    if (this.#dropHeld()) {
      this.#responseOver()
      this.#resolve(answer)
    } else if (this.#phase === 'head') {
      this.#resolve(answer)
      if (this.#watched) this.#host.keepOpen(this.client, false)
    } else {
      this.#body?.break()
      this.#responseOver()
    }
    this.#dispatch?.disconnect(reason)
  }

  /** The function failed after its client had gone: for its log, but not as an answer to a request. */
  #failUnheard(error: FunctionError): void {
    this.#responseOver()
    if (error.code === 'TIMEOUT') {
      this.#noteLate()
    } else if (error.code === 'HANDLER_ERROR' || error.code === 'INVALID_RESPONSE') {
      // An aborted signal, or a body that broke off, makes most handlers fail.
      if (!error.message.startsWith('AbortError')) {
        const message = `The client had disconnected when the function failed: ${error.message}`
        this.#note('info', message)
      }
    } else {
      this.#host.failed(this.route, this.requestId, error)
    }
  }

  #note(level: 'info' | 'warn', message: string): void {
    this.#host.noted(this.route, this.requestId, level, message)
  }

  #noteCut(error: FunctionError): void {
    this.#note('warn', `What ran after the response was cut off: ${error.message}`)
  }

  #noteLate(): void {
    const { timeoutMs } = this.route
    const message = `The client had disconnected, and the handler was stopped: it did not end within ${timeoutMs} ms.`
    this.#note('warn', message)
  }

  #timeOut(): void {
    this.fail(this.#deadlineError())
    this.#stop('deadline passed')
  }

  #deadlineError(): FunctionError {
    const { functionName, timeoutMs } = this.route
    const message = `Function '${functionName}' did not respond within ${timeoutMs} ms.`
    return new FunctionError('TIMEOUT', message)
  }

  #cancelBackground(): void {
    const seconds = this.#host.limits.waitUntilMs / 1000
    const what = this.#discarding
      ? 'the body of a response without a body (to HEAD, or with status 204, 205 or 304) did not end'
      : 'waitUntil did not settle'
    this.#note('warn', `${what} within ${seconds} s and was cancelled`)
    this.#stop('what ran after the response took too long')
  }

  #checkBody(now: number): void {
    this.#dueAt = this.#bodyDueAt()
    if (now < this.#dueAt) return
    const { streamIdleMs, maxDurationMs } = this.#host.limits
    const why =
      now - this.#touchedAt >= streamIdleMs
        ? `had no data for ${streamIdleMs} ms (server.stream_idle_timeout)`
        : `took longer than ${maxDurationMs} ms (server.max_duration)`
    const message = `The response of function '${this.route.functionName}' ${why}.`
    this.fail(new FunctionError('TIMEOUT', message))
    this.#stop('response too slow')
  }

  #bodyDueAt(): number {
    const { streamIdleMs, maxDurationMs } = this.#host.limits
    const waitedMs = this.#clientClock?.waitedMs ?? 0
    const idleAt = this.#touchedAt + streamIdleMs
    return maxDurationMs === 0
      ? idleAt
      : Math.min(idleAt, this.arrivedAt + maxDurationMs + waitedMs)
  }

  #stop(reason: string): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    this.requestBody?.stop()
    this.#dispatch?.cancel(reason)
  }

  /** Notices when the client disconnects, also if it did so before this call. */
  #watch(): void {
    this.#watched = true
    this.#host.keepOpen(this.client, true)
    const { signal } = this.client
    if (signal.aborted) this.gone()
    else signal.addEventListener('abort', () => this.gone(), { once: true })
  }

  #timing(): string {
    if (this.#waited === undefined) return serverTiming(0, 0, 0)
    const { queueMs, initMs } = this.#waited
    return serverTiming(queueMs, initMs, this.#host.now() - this.#dispatchedAt)
  }
}
