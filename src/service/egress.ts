import type { Config } from '../config/schema.ts'
import { Egress, type EgressSettings } from '../egress/egress.ts'
import type { MetricsRegistry } from '../telemetry/counters.ts'

/** Creates the broker of outbound requests from the settings. */
export function newEgress(config: Config, counters?: MetricsRegistry): Egress {
  return new Egress({
    ...egressOptions(config),
    onFinished: ({ functionName, version }, outcome) =>
      counters?.of(functionName, version).recordSubrequest(outcome),
  })
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
