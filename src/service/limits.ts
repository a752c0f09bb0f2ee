/** The limits of the components, derived from the settings at start and at each reload. */
import type { RetentionPolicy } from '../admin/retention.ts'
import type { Config } from '../config/schema.ts'
import { TrustedProxies } from '../gateway/client-origin.ts'
import type { GatewayLimits } from '../gateway/gateway.ts'
import { type HostPattern, parseDomainPattern, parseFunctionPattern } from '../lib/host-name.ts'
import type { PoolLimits } from '../pool/limits.ts'
import type { TelemetryLimits } from '../telemetry/telemetry.ts'

/** How long promises passed to `waitUntil` may run after the end of the response, ms. */
const WAIT_UNTIL_MS = 30_000
/** Time that a retiring worker has after its longest response, for `waitUntil`, ms. */
const AFTER_RESPONSE_MS = 60_000
/** How long a retiring worker waits for its responses when `server.max_duration` is unlimited, ms. */
const LONGEST_DRAIN_MS = 3_600_000

export function gatewayLimits({ server, routing }: Config): GatewayLimits {
  return {
    maxBodyBytes: server.maxBody,
    corsErrors: server.corsErrors,
    hosts: routing.hosts.map((text) => parseFunctionPattern(text) as HostPattern),
    paths: routing.paths,
    trustedProxies: new TrustedProxies(server.trustedProxies),
    exchange: {
      streamIdleMs: server.streamIdleTimeout,
      maxDurationMs: server.maxDuration,
      client: {
        idleMs: server.clientIdleTimeout,
        totalMs: server.clientTimeout,
        minRate: server.clientMinRate,
      },
      waitUntilMs: WAIT_UNTIL_MS,
    },
  }
}

/** Limits of every function's workers, unless its deployment sets others. */
export function poolLimits({ pool, server }: Config): PoolLimits {
  const longest = server.maxDuration === 0 ? LONGEST_DRAIN_MS : server.maxDuration
  return {
    minWorkers: pool.minWorkersPerFunction,
    maxWorkers: pool.maxWorkersPerFunction,
    concurrency: pool.concurrency,
    queue: pool.queue,
    queueTimeoutMs: pool.queueTimeout,
    idleTimeoutMs: pool.idleTimeout,
    recycleAfter: pool.recycleAfter,
    maxBackoffMs: pool.maxBackoff,
    drainMs: longest + AFTER_RESPONSE_MS,
  }
}

/** Live workers of all functions. */
export function maxWorkers({ pool, limits }: Config): number {
  return Math.min(pool.maxWorkers, limits.workers ?? pool.maxWorkers)
}

export function telemetryLimits({ logs, metrics, usage }: Config): TelemetryLimits {
  return {
    logs: { maxAgeMs: logs.retention, maxBytes: logs.maxSize },
    metrics: { maxAgeMs: metrics.retention, maxBytes: metrics.maxSize },
    usage: { maxAgeMs: usage.retention },
  }
}

/** Hosts that projects may route to their functions by themselves. */
export function domainPatterns({ routing }: Config): HostPattern[] {
  return routing.domains.map((text) => parseDomainPattern(text) as HostPattern)
}

/** Which versions are kept. */
export function retentionPolicy({ versions }: Config): RetentionPolicy {
  return { keep: versions.keep, olderThanMs: versions.olderThan }
}
