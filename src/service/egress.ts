import type { Config } from '../config/schema.ts'
import { Egress, type EgressOptions, type EgressSettings } from '../egress/egress.ts'
import type { EgressError } from '../egress/errors.ts'
import type { MetricsRegistry } from '../telemetry/counters.ts'
import type { ServiceLog } from '../telemetry/service-log.ts'

/** Time between two log lines about a proxy that fails. */
const LOG_INTERVAL_MS = 60_000

/** Creates the broker of outbound requests from the settings. */
export function newEgress(
  config: Config,
  counters?: MetricsRegistry,
  log?: ServiceLog,
  onCredential?: EgressOptions['onCredential'],
): Egress {
  return new Egress({
    onProxyFailure: log === undefined ? () => {} : proxyReporter(log),
    ...egressOptions(config),
    ...(onCredential !== undefined && { onCredential }),
    onFinished: (subject, outcome) => counters?.of(subject).recordSubrequest(outcome),
  })
}

/** The functions see that the proxy failed; why, and how often, only the operator needs to know. */
function proxyReporter(log: ServiceLog): (error: EgressError) => void {
  let failures = 0
  let logged = Number.NEGATIVE_INFINITY
  return ({ message, cause }) => {
    failures++
    if (performance.now() - logged < LOG_INTERVAL_MS) return
    const why = cause instanceof Error ? cause.message : undefined
    log.warn('the proxy for outbound requests failed: check egress.proxy', {
      failures,
      latest: message,
      cause: why,
    })
    logged = performance.now()
    failures = 0
  }
}

export function egressOptions({ egress }: Config): EgressSettings {
  return {
    resolver: egress.resolver,
    proxy: egress.proxy,
    allowPrivate: egress.allowPrivate,
    maxSubrequests: egress.maxSubrequests,
    maxOpen: egress.maxOpen,
    maxBodyBytes: egress.maxBody,
    maxHeaderBytes: egress.maxHeaders,
    connectTimeoutMs: egress.connectTimeout,
    headTimeoutMs: egress.headTimeout,
    bodyTimeoutMs: egress.idleTimeout,
  }
}
