/**
 * The management API over TCP (`admin.listen`), with TLS where it has a certificate. Its server can be exchanged while
 * it listens: for a new certificate, and for the server of the process that takes over.
 */
import type { Server } from 'bun'
import type { Caller } from '../admin/access.ts'
import type { Api } from '../admin/api.ts'
import { auditUnauthenticated } from '../admin/audit.ts'
import { Authentication } from '../admin/authentication.ts'
import { type BodyLimits, boundedRequest } from '../admin/bounded-body.ts'
import { ASK_PATH } from '../admin/host-routes.ts'
import { adminProblem } from '../admin/problem.ts'
import { MAX_BUNDLE_BYTES } from '../bundles/build.ts'
import { MAX_MAP_BYTES } from '../bundles/source-map.ts'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import { TrustedProxies } from '../gateway/client-origin.ts'
import type { RawHeaders } from '../gateway/headers.ts'
import { Listener } from '../gateway/listener.ts'
import { systemClock } from '../lib/clock.ts'
import { duplicate } from '../lib/libc.ts'
import type { MetadataStore } from '../metadata/store.ts'
import type { ServiceLog } from '../telemetry/service-log.ts'
import { onPort } from './listen.ts'
import { readTlsFiles, type TlsFiles } from './tls-files.ts'

/** Seconds without a byte after which a connection is closed, while no request is worked on. */
const IDLE_S = 30
/** A deployment sends a bundle and its source map in one form, with settings. */
const BODY: BodyLimits = { maxBytes: MAX_BUNDLE_BYTES + MAX_MAP_BYTES + 2 ** 20, maxMs: 600_000 }
/** What a client may still send after a refusal before its connection is closed, so that it can read the refusal. */
const MAX_UNREAD_BYTES = 2 ** 20
/** Open connections; above it new ones wait until others have closed. Those of one count may go beyond. */
const MAX_CONNECTIONS = 512
/** How often connections are counted, ms, and the pause between two counts in times of how long one takes. */
const COUNT_EVERY_MS = 250
const COUNT_SHARE = 100
/** How often open connections are counted while their clients leave, ms. */
const LEAVE_CHECK_MS = 50
/** Answers that may have nothing to say for a long time. */
const STREAM = /^(?:application\/x-ndjson|text\/event-stream)/
/** The size is checked here, so that the refusal is a problem document. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER

export interface ManagementListenerOptions {
  /** `host:port` as in the settings. */
  listen: string
  tls: TlsFiles | undefined
  api: Api
  authentication: Authentication
  /** The address of the client that sent a request, given that of its connection. */
  addressOf(request: Request, peer: string | undefined): string | undefined
  onBug(error: unknown): void
}

export class ManagementListener {
  /** As in the settings. */
  readonly listen: string
  readonly #options: ManagementListenerOptions
  readonly #hostname: string
  #server: Server<undefined>
  #listener: Listener
  #tls: TlsFiles | undefined
  #counting: ReturnType<typeof setTimeout> | undefined
  #leaving = false

  /**
   * @param fd a listening socket of another process, whose connections it accepts; without one it makes its own
   * @throws {FunctionError} CONFLICT if the address cannot be used
   */
  constructor(options: ManagementListenerOptions, fd?: number) {
    this.#options = options
    this.listen = options.listen
    this.#tls = options.tls
    const { hostname, port } = parseListen(options.listen)
    this.#hostname = hostname
    this.#server =
      fd === undefined
        ? onPort(hostname, port, () => this.#serve(hostname, port), '--admin-listen')
        : this.#serve(loopbackOf(hostname), 0)
    this.#listener = new Listener(this.#server.port as number)
    if (fd !== undefined) this.#listener.replace(fd)
    this.#count()
  }

  get url(): string {
    const host = this.#hostname.includes(':') ? `[${this.#hostname}]` : this.#hostname
    return `${this.#tls === undefined ? 'http' : 'https'}://${host}:${this.#listener.port}`
  }

  /** The listening socket. */
  get fd(): number {
    return this.#listener.fd
  }

  /** Serves new connections with another certificate. Open ones keep theirs. */
  renew(tls: TlsFiles | undefined): void {
    const before = { server: this.#server, listener: this.#listener, tls: this.#tls }
    this.#tls = tls
    try {
      this.#server = this.#serve(loopbackOf(this.#hostname), 0)
      this.#listener = new Listener(this.#server.port as number)
      this.#listener.replace(duplicate(before.listener.fd))
    } catch (error) {
      if (this.#server !== before.server) void this.#server.stop(true)
      this.#server = before.server
      this.#listener = before.listener
      this.#tls = before.tls
      throw error
    }
    before.listener.pause()
    void before.server.stop()
  }

  /** Connections wait until this process or another one accepts them. */
  stopAccepting(): void {
    clearTimeout(this.#counting)
    this.#listener.pause()
  }

  acceptAgain(): void {
    this.#listener.resume()
    this.#count()
  }

  /** Another process accepts the connections: each response closes its own. Resolves when the last one is closed. */
  async leave(): Promise<void> {
    this.stopAccepting()
    this.#leaving = true
    while (this.#listener.connections() > 0) await Bun.sleep(LEAVE_CHECK_MS)
  }

  async stop(closeConnections = false): Promise<void> {
    clearTimeout(this.#counting)
    this.#leaving = true
    await this.#server.stop(closeConnections)
  }

  /** Bun has no limit of connections, and reports none before its first request. */
  #count(): void {
    const startedAt = performance.now()
    if (this.#listener.connections() < MAX_CONNECTIONS) this.#listener.resume()
    else this.#listener.pause()
    const takes = performance.now() - startedAt
    const next = () => this.#count()
    this.#counting = setTimeout(next, Math.max(COUNT_EVERY_MS, COUNT_SHARE * takes))
    this.#counting.unref()
  }

  #serve(hostname: string, port: number): Server<undefined> {
    const tls = this.#tls
    return Bun.serve({
      hostname,
      port,
      ...(tls !== undefined && { tls: { cert: tls.cert, key: tls.key } }),
      development: false,
      reusePort: false,
      idleTimeout: IDLE_S,
      maxRequestBodySize: NO_LIMIT,
      fetch: (request, server) => this.#answer(request, server),
      error: (error) => {
        this.#options.onBug(error)
        return adminProblem(error)
      },
    })
  }

  async #answer(request: Request, server: Server<undefined>): Promise<Response> {
    const { api, authentication, addressOf } = this.#options
    // A deployment may take longer than a connection may be idle.
    const working = () => server.timeout(request, 0)
    const bounded = boundedRequest(request, BODY, working)
    let response: Response
    try {
      if (!URL.canParse(request.url)) throw new FunctionError('BAD_REQUEST', HOST)
      const address = addressOf(request, server.requestIP(request)?.address)
      const caller = needsNoToken(request)
        ? { ...NOBODY, address }
        : authentication.callerOf(request, address)
      if (request.body === null) working()
      const refused = bounded.exceeded()
      if (refused !== undefined) throw refused
      response = await api(bounded.request, caller)
      const exceeded = bounded.exceeded()
      if (exceeded !== undefined) throw exceeded
    } catch (error) {
      if (!(error instanceof FunctionError)) this.#options.onBug(error)
      response = adminProblem(error)
    }
    bounded.end()
    if (!STREAM.test(response.headers.get('content-type') ?? '')) server.timeout(request, IDLE_S)
    if (this.#leaving || (!bounded.complete() && isLarge(request)))
      response.headers.set('connection', 'close')
    return response
  }
}

interface Parts {
  config: Config
  log: ServiceLog
  store: MetadataStore
  api: Api
}

/**
 * Listens as the settings say; undefined without `admin.listen`.
 *
 * @param fd the socket of the process that this one takes over from
 * @throws {FunctionError} CONFIG_INVALID, CONFLICT
 */
export function newManagementListener(
  { config, log, store, api }: Parts,
  fd: number | undefined,
): ManagementListener | undefined {
  const { listen } = config.admin
  if (listen === undefined) return undefined
  const { hostname, port } = parseListen(listen)
  if (port !== 0 && port === config.server.port) {
    const message = `admin.listen and server.port are both port ${port}: the management API needs its own.`
    throw new FunctionError('CONFIG_INVALID', message)
  }
  const tls = readTlsFiles(config)
  if (tls === undefined && !isLoopback(hostname))
    log.warn(
      'the management API has no TLS and can be reached from other machines: tokens can be read on the way. Set admin.tls_cert and admin.tls_key, or listen on 127.0.0.1',
      { listen },
    )
  const listener = new ManagementListener(
    {
      listen,
      tls,
      api,
      authentication: new Authentication(store.tokens, systemClock, (address, code) =>
        auditUnauthenticated(store.audit, address, code),
      ),
      addressOf: (request, address) => {
        const peer = address?.replace(/^::ffff:/, '')
        // Read anew each time, as SIGHUP may change it.
        const proxies = new TrustedProxies(config.server.trustedProxies)
        return proxies.originOf(peer, request.headers.toJSON() as RawHeaders, hostname).address
      },
      onBug: (error) => log.error('internal error while handling a management request', error),
    },
    fd,
  )
  log.info('management API', { url: listener.url, certificateExpiresAt: tls?.expiresAt })
  return listener
}

/** Who asks without a token: a caller without a project. */
const NOBODY: Caller = {
  name: 'nobody',
  role: 'invoker',
  project: '',
  address: undefined,
  token: undefined,
}

/** A proxy cannot send one when it asks which certificates it may get. */
function needsNoToken({ method, url }: Request): boolean {
  return method === 'GET' && new URL(url).pathname === ASK_PATH
}

const HOST = 'The request must have exactly one valid Host header.'

function isLarge({ headers }: Request): boolean {
  const length = headers.get('content-length')
  return length === null || Number(length) > MAX_UNREAD_BYTES
}

/** @param listen valid, as the schema of the settings has checked */
export function parseListen(listen: string): { hostname: string; port: number } {
  const colon = listen.lastIndexOf(':')
  const hostname = listen.slice(0, colon).replace(/^\[|\]$/g, '')
  return { hostname, port: Number(listen.slice(colon + 1)) }
}

function loopbackOf(hostname: string): string {
  return hostname.includes(':') ? '::1' : '127.0.0.1'
}

/** Whether only this machine reaches the address. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
