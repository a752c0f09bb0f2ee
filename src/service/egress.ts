import type { Config } from '../config/schema.ts'
import { Egress } from '../egress/egress.ts'
import type { MetricsRegistry } from '../telemetry/counters.ts'

/** Creates the broker of outbound requests from the settings. */
export function newEgress({ egress }: Config, counters?: MetricsRegistry): Egress {
  return new Egress({
    resolver: egress.resolver,
    allowPrivate: egress.allowPrivate,
    maxSubrequests: egress.maxSubrequests,
    maxOpen: egress.maxOpen,
    maxBodyBytes: egress.maxBody,
    maxHeaderBytes: egress.maxHeaders,
    connectTimeoutMs: egress.connectTimeout,
    headTimeoutMs: egress.headTimeout,
    bodyTimeoutMs: egress.idleTimeout,
    onFinished: ({ functionName, version }, outcome) =>
      counters?.of(functionName, version).recordSubrequest(outcome),
  })
}
