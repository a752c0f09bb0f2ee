/** The public HTTP server: requests to functions, and health pages. */
import type { Server } from 'bun'
import { type Context, Hono } from 'hono'
import { FunctionError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { type HostPattern, hostOf } from '../lib/host-name.ts'
import { PROBLEM_TYPE } from '../lib/problem.ts'
import { type Tickable, Ticker } from '../lib/ticker.ts'
import type { Gate } from '../limits/gate.ts'
import type { HostTable, Mount } from '../router/host-table.ts'
import type { Route } from '../router/route.ts'
import type { InvocationRequest } from '../worker/worker.ts'
import type { TrustedProxies } from './client-origin.ts'
import { CorsErrors } from './cors.ts'
import { DescriptorGuard, type DescriptorGuardOptions } from './descriptor-guard.ts'
import { Exchange } from './exchange.ts'
import type { ExchangeHost, ExchangeLimits, OpenExchange } from './exchange-host.ts'
import { type RawHeaders, requestHeaders, requestIdOf } from './headers.ts'
import { Listener } from './listener.ts'
import { clientProblem } from './problem.ts'
import { repeatObstacle } from './repeatable.ts'
import { ReplayMemory } from './replay-buffer.ts'
import { RequestBody } from './request-body.ts'
import { queueOf, sendQueues } from './send-queues.ts'
import { absoluteUrl, mountedUrl, pathMount, rebased } from './target.ts'
import { chooseRoute, stickyCookie } from './traffic.ts'

/** Seconds after which an idle connection is closed. An exchange has its own limits. */
const KEEP_ALIVE_S = 75
/** How often the limits of open requests are checked, and so how late one may be noticed, ms. */
const TICK_MS = 10
/** How often the send queues of slow clients are looked at, ms, and how much longer than a look the pause is. */
const LOOK_EVERY_MS = 1000
const LOOK_SHARE = 20
/** Time that the last responses have to be sent when the service stops, ms. */
const FLUSH_MS = 200
/** How often open connections are counted while their clients leave, ms. */
const LEAVE_CHECK_MS = 50
/** The pause between two counts, in times of how long one takes. */
const LEAVE_CHECK_SHARE = 20
/** Time that an adopted socket has to answer a request, ms. */
const CHECK_MS = 5_000
/** The gateway checks a body's length itself, so that the refusal is a problem document too. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER
/** Memory for request bodies that a second worker may need: 1024 of the largest, 64 MiB. */
const REPLAY_MEMORY_BYTES = 64 * 2 ** 20
/** A Request cannot have these methods (Fetch, 2.2.1). */
const FORBIDDEN_METHODS = new Set(['CONNECT', 'TRACE'])
/** How a protected function is called (RFC 6750). */
const CHALLENGE = 'Bearer realm="functions"'
const FUNCTION_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/** Limits of public requests, which may change while the gateway runs. */
export interface GatewayLimits {
  maxBodyBytes: number
  trustedProxies: TrustedProxies
  /** Pages of every origin may read the platform's errors. */
  corsErrors: boolean
  exchange: ExchangeLimits
  /** Hosts that name functions. */
  hosts: readonly HostPattern[]
  /** Functions are served at `/functions/<name>` too, whatever the host. */
  paths: boolean
}

export interface GatewayOptions {
  hostname: string
  port: number
  /** The socket comes from another process, by `adopt`. */
  adopts?: boolean
  limits: GatewayLimits
  clock: Clock
  /** Routes by host and path. */
  hosts: HostTable
  /** Called before a request is routed while another process may make changes. */
  refresh(): void
  /** @throws {FunctionError} FUNCTION_NOT_FOUND, FUNCTION_NOT_DEPLOYED, ... */
  route(name: string, project: string): Route
  /** @throws {FunctionError} FUNCTION_NOT_FOUND, also where the function has no previews */
  preview(name: string, version: string, project: string): Route
  /**
   * Checks the token of a request to a function that needs one.
   *
   * @param address of the client; undefined if it is not known
   * @throws {FunctionError} UNAUTHORIZED, RATE_LIMITED
   */
  authorize(headers: RawHeaders, project: string, address: string | undefined): Gate | undefined
  /** An exchange was recorded in the counters. */
  onFinished(): void
  /** A failed invocation, for the tenant's logs. */
  failed(route: Route, requestId: string, error: FunctionError): void
  /** Something that is no failure, for the tenant's logs. */
  noted(route: Route, requestId: string, level: 'info' | 'warn', message: string): void
  /** An internal error. */
  onBug(error: unknown): void
}

/** Without params, it came by no path of a function. */
type FunctionRequest = Request & { params?: { name: string; project?: string } }

export class Gateway implements ExchangeHost, Tickable {
  limits: ExchangeLimits
  readonly cors: CorsErrors
  #maxBodyBytes: number
  #trustedProxies: TrustedProxies
  #paths: boolean
  readonly #hosts: HostTable
  readonly #pages: Hono
  readonly #options: GatewayOptions
  readonly #server: Server<undefined>
  readonly #ticker: Ticker
  /** Host and port of a request that names none. */
  #ownHost: string
  readonly #open = new Set<OpenExchange>()
  readonly #replayMemory = new ReplayMemory(REPLAY_MEMORY_BYTES)
  #nextLookAt = 0
  #whenIdle: (() => void)[] = []
  /** Each response closes its connection. */
  #draining = false
  /** New requests are refused. */
  #refusing = false
  #listener: Listener | undefined
  #guard: DescriptorGuard | undefined
  #ready = false

  constructor(options: GatewayOptions) {
    this.#options = options
    this.limits = options.limits.exchange
    this.#maxBodyBytes = options.limits.maxBodyBytes
    this.#trustedProxies = options.limits.trustedProxies
    this.#hosts = options.hosts
    this.#hosts.patterns = options.limits.hosts
    this.#paths = options.limits.paths
    this.cors = new CorsErrors(options.limits.corsErrors)
    this.#ticker = new Ticker(TICK_MS, options.clock)
    this.#pages = this.#newPages()
    this.#server = Bun.serve({
      // Until it adopts another socket, the server listens where only this machine could reach it.
      hostname: options.adopts ? loopback(options.hostname) : options.hostname,
      port: options.adopts ? 0 : options.port,
      development: false,
      // Bun sets SO_REUSEPORT in production by default; two services would silently split the traffic.
      reusePort: false,
      idleTimeout: KEEP_ALIVE_S,
      maxRequestBodySize: NO_LIMIT,
      routes: {
        '/functions/:name': this.#handle,
        '/functions/:name/*': this.#handle,
        '/projects/:project/functions/:name': this.#handle,
        '/projects/:project/functions/:name/*': this.#handle,
      },
      fetch: (request) =>
        this.#hosts.empty ? this.#page(request) : this.#handle(request as FunctionRequest),
      error: (error) => {
        options.onBug(error)
        return clientProblem(error, { requestId: crypto.randomUUID() })
      },
    })
    this.#ownHost = ownHost(options.hostname, this.#server.port)
  }

  get url(): string {
    const port = this.#listener?.port ?? this.#server.port
    return `http://${bracketed(this.#options.hostname)}:${port}`
  }

  /** Each response closes its connection: the service stops, or needs the descriptors. */
  get draining(): boolean {
    return this.#draining || this.#guard?.resting === true
  }

  /** Exchanges that are open. */
  get inFlight(): number {
    return this.#open.size
  }

  /** Applies other limits, to open exchanges too. */
  configure(limits: GatewayLimits): void {
    const { maxBodyBytes, trustedProxies, corsErrors, exchange } = limits
    this.#hosts.patterns = limits.hosts
    this.#paths = limits.paths
    this.#maxBodyBytes = maxBodyBytes
    this.cors.always = corsErrors
    this.#trustedProxies = trustedProxies
    this.limits = exchange
  }

  /** From now on /ready reports that the service is ready. */
  ready(): void {
    this.#ready = true
  }

  /**
   * Accepts no connections while the process has no descriptors for them.
   *
   * @param limit of open files
   */
  guardDescriptors(limit: number, warn: DescriptorGuardOptions['warn']): void {
    const { clock } = this.#options
    this.#guard = new DescriptorGuard({ limit, listener: this.listener, clock, warn })
    this.#guard.start()
  }

  /** The socket that the server listens on. */
  get listener(): Listener {
    this.#listener ??= new Listener(this.#server.port ?? 0)
    return this.#listener
  }

  /**
   * Accepts connections from a listening socket of another process, in place of its own.
   *
   * @throws {Error} if it cannot
   */
  adopt(fd: number): void {
    this.listener.replace(fd)
    this.#ownHost = ownHost(this.#options.hostname, this.listener.port)
  }

  /**
   * Sends itself a request, which must be answered: no other process accepts connections of the socket.
   *
   * @throws {Error} if it is not
   */
  async check(): Promise<void> {
    const { hostname } = this.#options
    const host = ANY_ADDRESS.has(hostname) ? loopback(hostname) : hostname
    const response = await fetch(`http://${bracketed(host)}:${this.listener.port}/health`, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(CHECK_MS),
    })
    if (!response.ok)
      throw new Error(`the new process answered its own request with ${response.status}`)
    await response.text()
  }

  /** Connections wait until this process or another one accepts them. */
  stopAccepting(): void {
    this.#guard?.close()
    this.listener.pause()
  }

  acceptAgain(): void {
    this.listener.resume()
    this.#guard?.start()
  }

  /**
   * Another process accepts the connections from now on. The requests of the open connections are answered, and
   * each response closes its connection. Resolves when the last one is closed.
   */
  async leave(): Promise<void> {
    this.stopAccepting()
    this.#draining = true
    for (;;) {
      const startedAt = performance.now()
      if (this.#open.size === 0 && this.listener.connections() === 0) return
      // Counting looks at every descriptor, of which there may be many.
      await Bun.sleep(LEAVE_CHECK_MS + LEAVE_CHECK_SHARE * (performance.now() - startedAt))
    }
  }

  /** Refuses new requests; resolves when the open ones are over. */
  drain(): Promise<void> {
    this.#draining = true
    this.#refusing = true
    if (this.#open.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  /** Ends the open requests and closes every connection. */
  async stop(reason: FunctionError): Promise<void> {
    this.#guard?.close()
    for (const exchange of [...this.#open]) exchange.abandon(reason)
    // Gives the clients time to receive their responses.
    await Promise.race([this.#server.stop(), Bun.sleep(FLUSH_MS)])
    await this.#server.stop(true)
  }

  now(): number {
    return this.#options.clock.now()
  }

  opened(exchange: OpenExchange): void {
    this.#open.add(exchange)
    this.#ticker.add(this)
  }

  closed(exchange: OpenExchange): void {
    this.#open.delete(exchange)
    this.#options.onFinished()
    if (this.#open.size > 0 || this.#whenIdle.length === 0) return
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  tick(now: number): boolean {
    let stalled = false
    for (const exchange of this.#open) {
      exchange.tick(now)
      stalled ||= exchange.stalled
    }
    if (stalled && now >= this.#nextLookAt) void this.#lookAtQueues(now)
    return this.#open.size > 0
  }

  /** Learns how far slow clients have read: see send-queues.ts. */
  async #lookAtQueues(now: number): Promise<void> {
    this.#nextLookAt = Number.POSITIVE_INFINITY
    const queues = await sendQueues(this.#server.port as number)
    for (const exchange of this.#open) {
      const peer = exchange.stalled ? this.#server.requestIP(exchange.client) : null
      const bytes = peer === null ? undefined : queueOf(queues, peer)
      if (bytes !== undefined) exchange.unacknowledged(bytes)
    }
    const end = this.now()
    // The kernel walks all its connections, so that a look at many of them may take long.
    const restMs = Math.max(LOOK_EVERY_MS, LOOK_SHARE * (end - now))
    this.#nextLookAt = end + Math.min(restMs, Math.max(LOOK_SHARE, this.limits.client.idleMs / 4))
  }

  keepOpen(client: Request, open: boolean): void {
    this.#server.timeout(client, open ? 0 : KEEP_ALIVE_S)
  }

  failed(route: Route, requestId: string, error: FunctionError): void {
    this.#options.failed(route, requestId, error)
  }

  noted(route: Route, requestId: string, level: 'info' | 'warn', message: string): void {
    this.#options.noted(route, requestId, level, message)
  }

  readonly #handle = (request: FunctionRequest): Promise<Response> => {
    const answered = this.#answer(request)
    return request.method === 'HEAD' ? answered.then(dated) : answered
  }

  #answer(request: FunctionRequest): Promise<Response> {
    const raw = request.headers.toJSON() as RawHeaders
    const requestId = requestIdOf(raw)
    try {
      return this.#begin(request, raw, requestId)
    } catch (error) {
      if (!(error instanceof FunctionError)) this.#options.onBug(error)
      const origin = raw.origin as string | undefined
      const route = origin === undefined ? undefined : this.#knownRoute(request, raw)
      const response = refusal(error, requestId, this.cors.headersFor(route, origin))
      if (this.draining) response.headers.set('connection', 'close')
      return Promise.resolve(response)
    }
  }

  #knownRoute(request: FunctionRequest, raw: RawHeaders): Route | undefined {
    try {
      const { base } = this.#trustedProxies.originOf(this.#peerOf(request), raw, this.#ownHost)
      const absolute = absoluteUrl(request.url, raw.host as string | undefined, this.#ownHost)
      const mount = this.#mountOf(request, absolute, base)
      return mount && this.#routeOf(mount)
    } catch {
      return undefined
    }
  }

  #begin(client: FunctionRequest, raw: RawHeaders, requestId: string): Promise<Response> {
    const arrivedAt = this.#options.clock.now()
    const { method } = client
    const peer = this.#peerOf(client)
    const origin = this.#trustedProxies.originOf(peer, raw, this.#ownHost)
    const absolute = absoluteUrl(client.url, raw.host as string | undefined, this.#ownHost)
    const mount = this.#mountOf(client, absolute, origin.base)
    if (mount === undefined) return this.#page(client)
    const { prefix } = mount
    const url = this.#target(absolute, prefix, method, origin.base)
    const bodied = raw['content-length'] !== undefined || raw['transfer-encoding'] !== undefined
    const length = bodied ? this.#declaredLength(raw) : undefined
    const body = bodied ? client.body : null
    let route = this.#routeOf(mount, raw, origin.address)
    if (route.split !== undefined) route = chooseRoute(route.split, raw, Math.random())
    if (route.tenant.suspended) throw suspended(route.project)
    const ofToken =
      route.rules.access === 'token'
        ? this.#options.authorize(raw, route.project, origin.address)
        : undefined
    const request: InvocationRequest = {
      method,
      url,
      headers: requestHeaders(raw, requestId, prefix, {
        address: peer,
        trusted: origin.trusted,
      }),
      clientAddress: origin.address,
      deadline: arrivedAt + route.timeoutMs,
      cpuMs: route.cpuMs,
      body: undefined,
      end: body === null,
    }
    const { gate } = route.meter
    if (ofToken !== undefined) admit(ofToken, route)
    if (gate !== undefined) admit(gate, route, ofToken)
    const exchange = new Exchange(this, route, request, requestId, arrivedAt, client)
    exchange.gate = gate
    exchange.tokenGate = ofToken
    exchange.origin = raw.origin as string | undefined
    exchange.prefix = prefix
    if (route.split !== undefined) {
      const secure = origin.base?.startsWith('https') === true
      exchange.cookie = stickyCookie(route, raw, prefix, secure)
    }
    if (body === null) exchange.submit()
    else void this.#submitWithBody(exchange, body, length)
    return exchange.answered
  }

  /**
   * `<name>@<version>` is a preview of that version.
   *
   * @param raw headers of the caller, whom a protected function checks before the version is looked up: the answer
   *   would reveal which versions exist
   */
  #routeOf({ name, project }: Mount, raw?: RawHeaders, address?: string): Route {
    const at = name.indexOf('@')
    if (at < 0) return this.#options.route(name, project)
    const functionName = name.slice(0, at)
    const { rules } = this.#options.route(functionName, project)
    const isProtected = rules.previews && rules.access === 'token'
    if (isProtected && raw !== undefined) this.#options.authorize(raw, project, address)
    return this.#options.preview(functionName, name.slice(at + 1), project)
  }

  #peerOf(client: Request): string | undefined {
    const address = this.#server.requestIP(client)?.address
    // A listener on `::` shows IPv4 peers as mapped addresses.
    return address?.startsWith(MAPPED) ? address.slice(MAPPED.length) : address
  }

  /**
   * Where the request leads by its host, else by its path.
   *
   * @param absolute its URL; undefined for a Host that is not valid
   * @param base the client's scheme and host, where a trusted proxy named others
   */
  #mountOf(
    { params }: FunctionRequest,
    absolute: string | undefined,
    base: string | undefined,
  ): Mount | undefined {
    if (this.draining) this.#options.refresh()
    if (!this.#hosts.empty && absolute !== undefined) {
      const found = this.#hosts.find(hostOf(base ?? absolute), absolute)
      if (found !== undefined) return found
    }
    if (params === undefined || !this.#paths) return undefined
    return pathMount(params.name, params.project)
  }

  /**
   * Checks the request line and Host; returns the URL that the handler sees.
   *
   * @param base the client's scheme and host, where a trusted proxy named others
   */
  #target(absolute: string | undefined, prefix: string, method: string, base?: string): string {
    if (this.#refusing)
      throw new FunctionError(
        'SHUTTING_DOWN',
        'The service is shutting down. Send the request again later.',
      )
    if (FORBIDDEN_METHODS.has(method)) throw methodRefused(method)
    if (absolute === undefined) throw new FunctionError('BAD_REQUEST', HOST)
    const target = mountedUrl(absolute, prefix)
    if (target === undefined) throw new FunctionError('BAD_REQUEST', PATH)
    return base === undefined ? target : rebased(target, base)
  }

  /** The value of Content-Length; undefined for a chunked body. */
  #declaredLength(raw: RawHeaders): number | undefined {
    const declared = raw['content-length']
    if (declared === undefined) return undefined
    // Bun joins equal ones, and refuses others. RFC 9110, 8.6, allows to take them as one.
    if (declared.includes(',')) raw['content-length'] = String(declared).split(',', 1)[0] as string
    const limit = this.#maxBodyBytes
    const length = Number(raw['content-length'])
    if (length <= limit) return length
    throw new FunctionError(
      'PAYLOAD_TOO_LARGE',
      `The request body is larger than ${limit} bytes (server.max_body).`,
    )
  }

  async #submitWithBody(
    exchange: Exchange,
    stream: ReadableStream<Uint8Array>,
    length: number | undefined,
  ): Promise<void> {
    const limit = this.#maxBodyBytes
    const owner = {
      tooLarge: () => exchange.tooLarge(limit),
      disconnected: () => exchange.gone(),
      moved: (bytes: number) => exchange.moved(bytes),
    }
    const repeatable = repeatObstacle(exchange.request, exchange.route) === undefined
    const memory = repeatable ? this.#replayMemory : undefined
    const body = new RequestBody(stream, length, limit, owner, memory)
    exchange.requestBody = body
    try {
      const opening = await body.opening()
      if (exchange.waiting) {
        // Another version of the function may have been activated meanwhile.
        if (this.draining) this.#options.refresh()
        const { functionName, version, project, preview } = exchange.route
        const active = preview
          ? this.#options.preview(functionName, version, project)
          : this.#options.route(functionName, project)
        exchange.reroute(active)
        exchange.request = { ...exchange.request, body: opening, end: body.complete }
        exchange.submit()
        return
      }
    } catch (error) {
      if (error instanceof FunctionError) exchange.fail(error)
      else exchange.gone()
    }
    exchange.done({ cpuUs: 0 })
  }

  /** Answers what is not a request to a function. */
  async #page(request: Request): Promise<Response> {
    const response = await this.#pageOf(request)
    const origin = request.headers.get('origin')
    if (origin === null || response.headers.get('content-type') !== PROBLEM_TYPE) return response
    const cors = this.cors.headersFor(undefined, origin)
    for (const [name, value] of Object.entries(cors)) response.headers.set(name, value)
    return response
  }

  async #pageOf(request: Request): Promise<Response> {
    const { method, url, headers } = request
    // The target of CONNECT is a host and a port, and no path.
    if (method === 'CONNECT') return connectRefused(pageRequestId(request))
    const absolute = absoluteUrl(url, headers.get('host') ?? undefined, this.#ownHost)
    if (absolute === undefined) return badRequest(request, HOST)
    // Bun's server leaves out the body of a response to HEAD, and states the length of what it left out.
    const get = method === 'HEAD' ? 'GET' : method
    const own = absolute === url && get === method
    const page = own ? request : new Request(absolute, { method: get, headers })
    const response = dated(await this.#pages.fetch(page))
    if (this.draining) response.headers.set('connection', 'close')
    return response
  }

  #newPages(): Hono {
    const app = new Hono()
    const only = (path: string, answer: (c: Context) => Response) => {
      app.get(path, answer)
      app.all(path, (c) => {
        const error = new FunctionError(
          'METHOD_NOT_ALLOWED',
          `The method ${c.req.method} cannot be used for ${path}: use GET.`,
        )
        const response = clientProblem(error, { requestId: pageRequestId(c.req.raw) })
        response.headers.set('allow', 'GET, HEAD')
        return response
      })
    }
    only('/health', (c) => c.json({ status: 'ok' }))
    only('/ready', (c) => {
      const ready = this.#ready && !this.#refusing
      return c.json({ status: ready ? 'ready' : 'not ready' }, ready ? 200 : 503)
    })
    app.notFound((c) => {
      // Only the routes above reach functions; this path spells one in another form.
      if (this.#paths && /^\/(?:projects\/[^/]*\/)?functions\/./.test(c.req.path))
        return badRequest(c.req.raw, PATH)
      const where = this.#paths ? NOTHING_BY_PATH : NOTHING_BY_HOST
      const error = new FunctionError('FUNCTION_NOT_FOUND', where)
      return clientProblem(error, { requestId: pageRequestId(c.req.raw) })
    })
    app.onError((error, c) => {
      this.#options.onBug(error)
      return clientProblem(error, { requestId: pageRequestId(c.req.raw) })
    })
    return app
  }
}

const HOST = 'The request must have exactly one valid Host header.'
const PATH =
  'The path must start with /functions/<name> or /projects/<project>/functions/<name>, without dot segments that leave it.'

const NOTHING_BY_PATH =
  'Nothing is served at this path. Functions are served at /functions/<name> and /projects/<project>/functions/<name>.'
const NOTHING_BY_HOST = 'Nothing is served at this host and path.'

/** IPv4 in IPv6, as the system writes it. */
const MAPPED = '::ffff:'
/** Addresses to listen on that are no address to reach the service. */
const ANY_ADDRESS = new Set(['0.0.0.0', '::'])

/** This machine's own address, of the same family. */
function loopback(hostname: string): string {
  return hostname.includes(':') ? '::1' : '127.0.0.1'
}

/** Host and port of requests that name none. */
function ownHost(hostname: string, port: number | undefined): string {
  return `${ANY_ADDRESS.has(hostname) ? 'localhost' : bracketed(hostname)}:${port}`
}

/** A host as it stands in a URL. */
function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** Bun leaves Date out of the response to HEAD. */
function dated(response: Response): Response {
  if (!response.headers.has('date')) response.headers.set('date', new Date().toUTCString())
  return response
}

function methodRefused(method: string): FunctionError {
  const why =
    method === 'CONNECT'
      ? 'The service is not a proxy: it refuses CONNECT.'
      : `The method ${method} cannot be used for a function: the Fetch standard forbids it.`
  return new FunctionError('METHOD_NOT_ALLOWED', why)
}

/**
 * @param before has admitted the request already
 * @throws {FunctionError} RATE_LIMITED, QUOTA_EXCEEDED
 */
function admit(gate: Gate, { meter }: Route, before?: Gate): void {
  const refusal = gate.admit()
  if (refusal === undefined) return
  before?.leave()
  meter.refused(refusal)
  throw refusal
}

function suspended(project: string): FunctionError {
  const message = `Project '${project}' is suspended: its functions take no requests.`
  return new FunctionError('PROJECT_SUSPENDED', message)
}

function refusal(error: unknown, requestId: string, cors = {}): Response {
  const response = clientProblem(error, { requestId, cors })
  if (response.status === 405) response.headers.set('allow', FUNCTION_METHODS)
  if (response.status === 401) response.headers.set('www-authenticate', CHALLENGE)
  return response
}

/** The connection closes: a client of CONNECT may send bytes behind it that are no request. */
function connectRefused(requestId: string): Response {
  const response = refusal(methodRefused('CONNECT'), requestId)
  response.headers.set('connection', 'close')
  return response
}

function badRequest(request: Request, message: string): Response {
  const error = new FunctionError('BAD_REQUEST', message)
  return clientProblem(error, { requestId: pageRequestId(request) })
}

function pageRequestId(request: Request): string {
  return requestIdOf({ 'x-request-id': request.headers.get('x-request-id') ?? '' })
}
