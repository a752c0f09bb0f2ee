import { z } from 'zod'
import { RUNTIMES } from '../capabilities/runtime.ts'
import {
  addressOrCidr,
  duration,
  integer,
  list,
  size,
  socketAddress,
  text,
  truth,
} from './values.ts'

const runtime = z.enum(RUNTIMES, 'must be "quickjs-ng" or "bun"')

/** Not root, and in the range that no distribution gives to anybody. */
const DEFAULT_WORKER_UID = 61_000

const server = z.strictObject({
  host: text().default('127.0.0.1').describe('address that the public HTTP listens on'),
  port: integer(0, 65_535).default(8080).describe('its port; 0 takes a free one'),
  dataDir: text().default('./data').describe('where everything that lasts is kept'),
  socket: text().describe('socket of the management API; in the data directory unless set'),
  maxBody: size(0)
    .default(100 * 2 ** 20)
    .describe('largest request body'),
  timeout: duration(1).default(30_000).describe('from the arrival of a request to its response'),
  streamIdleTimeout: duration(1).default(60_000).describe('without a byte, a body is broken off'),
  maxDuration: duration(0).default(900_000).describe('longest a response may stream; 0 = no end'),
  shutdownTimeout: duration(0).default(30_000).describe('what SIGTERM leaves to running requests'),
})

const worker = z.strictObject({
  runtime: runtime.default('bun').describe('of a function that was registered without one'),
  quickjsPath: text().optional().describe('the quickjs-worker to use instead of our own'),
  start: z
    .enum(['fork', 'exec'], 'must be "fork" or "exec"')
    .default('fork')
    .describe('of quickjs-ng workers: forked off a template, or each a process of its own'),
  launcherPath: text().optional().describe('the functions-launcher to use instead of our own'),
})

const pool = z.strictObject({
  maxWorkers: integer(1, 100_000).default(1000).describe('live workers of all functions together'),
  minWorkersPerFunction: integer(0, 1000).default(0).describe('kept while a function is idle'),
  maxWorkersPerFunction: integer(1, 10_000)
    .default(10)
    .describe('unless its deployment says other'),
  concurrency: integer(1, 10_000)
    .default(32)
    .describe('requests a quickjs-ng worker takes at once'),
  queue: integer(0, 1_000_000).default(1000).describe('requests of a function that may wait'),
  queueTimeout: duration(1).default(10_000).describe('longest wait for a worker'),
  idleTimeout: duration(1).default(300_000).describe('after which an idle worker is ended'),
  recycleAfter: integer(1, 1_000_000_000).default(100_000).describe('requests in a worker’s life'),
  maxBackoff: duration(1).default(30_000).describe('longest wait between starts that fail'),
})

const sandbox = z.strictObject({
  uid: integer(1, 4_294_967_294).default(DEFAULT_WORKER_UID).describe('user of workers, when root'),
  allowDegraded: truth()
    .default(false)
    .describe('run workers also without layers that their profile requires'),
})

const egress = z.strictObject({
  resolver: socketAddress.optional().describe('DNS server to ask in place of the system’s'),
  allowPrivate: list(addressOrCidr).default([]).describe('may be reached although private'),
  maxSubrequests: integer(0, 1_000_000).default(50).describe('outbound requests of one request'),
  maxOpen: integer(1, 10_000).default(6).describe('of them at once; the next one waits'),
  maxBody: size(0)
    .default(2 ** 30)
    .describe('largest body of an outbound request or its response; 0 = no limit'),
  maxHeaders: size(1024)
    .default(32 * 2 ** 10)
    .describe('largest head of a response to one'),
  connectTimeout: duration(1).default(10_000).describe('for a name, then for a connection'),
  headTimeout: duration(1).default(60_000).describe('from an outbound request to its response'),
  idleTimeout: duration(1).default(60_000).describe('without a byte of that response'),
})

const retained = (days: number, bytes: number) =>
  z.strictObject({
    retention: duration(1000)
      .default(days * 86_400_000)
      .describe('older rows are deleted'),
    maxSize: size(2 ** 20)
      .default(bytes)
      .describe('of its database; the oldest rows go first'),
  })

/** Every setting of the service. Keys are snake_case outside: `server.max_body`. */
export const configSchema = z.strictObject({
  server,
  worker,
  pool,
  sandbox,
  egress,
  logs: retained(7, 256 * 2 ** 20),
  metrics: retained(30, 256 * 2 ** 20),
})

export type Config = z.infer<typeof configSchema>
