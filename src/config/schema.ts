import { z } from 'zod'
import { RUNTIMES } from '../capabilities/runtime.ts'
import { LIMIT_NAMES, LIMITS, type LimitName, limitSchema } from '../limits/names.ts'
import {
  addressOrCidr,
  domainPattern,
  duration,
  functionPattern,
  integer,
  list,
  listenAddress,
  proxyAddress,
  proxyUrl,
  size,
  socketAddress,
  text,
  truth,
} from './values.ts'

const runtime = z.enum(RUNTIMES, 'must be "quickjs-ng" or "bun"')

/**
 * Marks a setting that SIGHUP applies to the running service (src/service/reload.ts). A setting
 * without the mark is read once, at start: it needs a restart. The mark stands last, behind
 * `describe`.
 */
const reloadable = { reloadable: true }

/** An unprivileged ID in a range that distributions do not assign. */
const DEFAULT_WORKER_UID = 61_000

const server = z.strictObject({
  host: text().default('127.0.0.1').describe('address that the public HTTP server listens on'),
  port: integer(0, 65_535)
    .default(8080)
    .describe('port of the public HTTP server; 0 picks a free port'),
  dataDir: text().default('./data').describe('directory for all persistent data'),
  socket: text().describe(
    'Unix socket of the management API; default: functions.sock in the data directory',
  ),
  maxBody: size(0)
    .default(100 * 2 ** 20)
    .describe('maximum size of a request body')
    .meta(reloadable),
  timeout: duration(1)
    .default(30_000)
    .describe('maximum time from the arrival of a request to its response')
    .meta(reloadable),
  streamIdleTimeout: duration(1)
    .default(60_000)
    .describe('a response is aborted after its function has sent nothing for this time')
    .meta(reloadable),
  maxDuration: duration(0)
    .default(900_000)
    .describe(
      'maximum time of a request and its response, without waits for the client; 0 = no limit',
    )
    .meta(reloadable),
  clientIdleTimeout: duration(1)
    .default(60_000)
    .describe(
      'a client is disconnected when it neither sends nor acknowledges a byte for this time',
    )
    .meta(reloadable),
  clientTimeout: duration(0)
    .default(3_600_000)
    .describe('maximum time that a request waits for its client in all; 0 = no limit')
    .meta(reloadable),
  clientMinRate: size(0)
    .default(240)
    .describe(
      'bytes a second that a client must send or take, while it is waited for; 0 = no limit',
    )
    .meta(reloadable),
  trustedProxies: list(proxyAddress)
    .default([])
    .describe('proxies whose X-Forwarded-* and Forwarded headers are believed: addresses and CIDRs')
    .meta(reloadable),
  corsErrors: truth()
    .default(false)
    .describe(
      'pages of every origin may read the errors of the service; otherwise those that the function allows',
    )
    .meta(reloadable),
  shutdownTimeout: duration(0)
    .default(30_000)
    .describe('time that running requests have to finish after SIGTERM')
    .meta(reloadable),
})

const admin = z.strictObject({
  listen: listenAddress
    .optional()
    .describe(
      'host:port on which the management API takes requests with tokens; without it there is only the socket',
    ),
  tlsCert: text()
    .optional()
    .describe('certificate of the management API, PEM, with those that lead to its authority'),
  tlsKey: text().optional().describe('private key of the certificate, PEM'),
})

const routing = z.strictObject({
  hosts: list(functionPattern)
    .default([])
    .describe('hosts that name functions, such as {name}.{project}.example.com')
    .meta(reloadable),
  paths: truth()
    .default(true)
    .describe(
      'functions are served at /functions/<name> and /projects/<project>/functions/<name>; they share one browser origin there',
    )
    .meta(reloadable),
  domains: list(domainPattern)
    .default([])
    .describe(
      'hosts that the tokens of a project may route to its functions, such as *.{project}.example.com; an admin of all projects may route any',
    )
    .meta(reloadable),
})

const worker = z.strictObject({
  runtime: runtime
    .default('bun')
    .describe(
      'runtime of a deployment over the management API that names none; the deploy command always names one (quickjs-ng unless --runtime says otherwise)',
    ),
  quickjsPath: text().optional().describe('quickjs-worker to use in place of the embedded one'),
  start: z
    .enum(['fork', 'exec'], 'must be "fork" or "exec"')
    .default('fork')
    .describe('how quickjs-ng workers start: fork from the zygote process, or exec a new process'),
  background: duration(0)
    .default(30_000)
    .describe(
      'what requests left behind runs on for this time after the last request of a worker; the next request resumes it',
    ),
  backgroundCpu: integer(1, 100)
    .default(10)
    .describe(
      'CPU time of what requests left behind, in percent of a core for each worker, after a first maxCpu',
    ),
  launcherPath: text()
    .optional()
    .describe('functions-launcher to use in place of the embedded one'),
})

const pool = z.strictObject({
  maxWorkers: integer(1, 100_000)
    .default(1000)
    .describe('maximum number of live workers of all functions')
    .meta(reloadable),
  minWorkersPerFunction: integer(0, 1000)
    .default(0)
    .describe('workers that are kept while a function is idle')
    .meta(reloadable),
  maxWorkersPerFunction: integer(1, 10_000)
    .default(10)
    .describe('maximum workers of a function, unless its deployment sets another value')
    .meta(reloadable),
  concurrency: integer(1, 10_000)
    .default(32)
    .describe('requests that a quickjs-ng worker handles at the same time')
    .meta(reloadable),
  queue: integer(0, 1_000_000)
    .default(1000)
    .describe('maximum number of waiting requests of a function')
    .meta(reloadable),
  queueTimeout: duration(1)
    .default(10_000)
    .describe('maximum time that a request waits for a worker')
    .meta(reloadable),
  idleTimeout: duration(1)
    .default(300_000)
    .describe('an idle worker is stopped after this time')
    .meta(reloadable),
  recycleAfter: integer(1, 1_000_000_000)
    .default(100_000)
    .describe('a worker is replaced after this many requests')
    .meta(reloadable),
  maxBackoff: duration(1)
    .default(30_000)
    .describe('maximum delay between failing worker starts')
    .meta(reloadable),
})

const sandbox = z.strictObject({
  uid: integer(1, 4_294_967_294)
    .default(DEFAULT_WORKER_UID)
    .describe('user ID of workers, when the service runs as root'),
  allowDegraded: truth()
    .default(false)
    .describe('run workers even if sandbox layers that their profile requires are missing'),
})

const egress = z.strictObject({
  resolver: socketAddress
    .optional()
    .describe('DNS server to use in place of the system’s')
    .meta(reloadable),
  proxy: proxyUrl
    .optional()
    .describe('HTTP proxy (CONNECT) for outbound requests to public addresses')
    .meta({ ...reloadable, credentials: true }),
  allowPrivate: list(addressOrCidr)
    .default([])
    .describe('private addresses that outbound requests may reach')
    .meta(reloadable),
  maxSubrequests: integer(0, 1_000_000)
    .default(50)
    .describe('maximum outbound requests of one request')
    .meta(reloadable),
  maxOpen: integer(1, 10_000)
    .default(6)
    .describe('maximum outbound requests of one request at the same time; others wait')
    .meta(reloadable),
  maxBody: size(0)
    .default(2 ** 30)
    .describe('maximum body size of an outbound request or its response; 0 = no limit')
    .meta(reloadable),
  maxHeaders: size(1024)
    .default(32 * 2 ** 10)
    .describe('maximum size of the headers of an outbound response')
    .meta(reloadable),
  connectTimeout: duration(1)
    .default(10_000)
    .describe('timeout for the DNS lookup, and again for the connection')
    .meta(reloadable),
  headTimeout: duration(1)
    .default(60_000)
    .describe('timeout from an outbound request to its response headers')
    .meta(reloadable),
  idleTimeout: duration(1)
    .default(60_000)
    .describe('an outbound response is aborted after this time without a byte')
    .meta(reloadable),
})

const secrets = z.strictObject({
  keyFile: text().describe(
    'file with the key for secrets, unless FUNCTIONS_SECRET_KEY has it; default: secret.key in the data directory',
  ),
})

const versions = z.strictObject({
  keep: integer(0, 1_000_000)
    .default(0)
    .describe(
      'newest versions of each function to keep; older ones are deleted. 0 = every version, unless versions.older_than is set',
    )
    .meta(reloadable),
  olderThan: duration(0)
    .default(0)
    .describe('only versions older than this are deleted; 0 = age does not matter')
    .meta(reloadable),
})

const audit = z.strictObject({
  retention: duration(86_400_000)
    .default(400 * 86_400_000)
    .describe('older entries of the audit are deleted, once a day')
    .meta(reloadable),
})

const retained = (days: number, bytes: number) =>
  z.strictObject({
    retention: duration(1000)
      .default(days * 86_400_000)
      .describe('older rows are deleted')
      .meta(reloadable),
    maxSize: size(2 ** 20)
      .default(bytes)
      .describe('maximum size of the database; the oldest rows are deleted first')
      .meta(reloadable),
  })

const usage = z.strictObject({
  retention: duration(3_600_000)
    .default(400 * 86_400_000)
    .describe('usage of older hours is deleted')
    .meta(reloadable),
})

/** Of the whole installation: what all projects do together, or any of them at most. */
const limits = z.strictObject(
  Object.fromEntries(
    LIMIT_NAMES.map((name) => [
      name,
      limitSchema(name)
        .optional()
        .describe(`limit of the installation: ${LIMITS[name].what}`)
        .meta({ ...reloadable, unit: LIMITS[name].unit }),
    ]),
  ) as unknown as Record<LimitName, z.ZodType<number | undefined>>,
)

/** Every setting of the service. In the file the keys are snake_case: `server.max_body`. */
export const configSchema = z.strictObject({
  server,
  admin,
  routing,
  worker,
  pool,
  sandbox,
  egress,
  secrets,
  versions,
  audit,
  logs: retained(7, 256 * 2 ** 20),
  metrics: retained(30, 256 * 2 ** 20),
  usage,
  limits,
})

export type Config = z.infer<typeof configSchema>
