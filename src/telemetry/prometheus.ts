/** The text of /metrics in the Prometheus exposition format, version 0.0.4. */
import { DURATION_BUCKETS_MS, type FunctionCounters, type MetricsRegistry } from './counters.ts'
import type { Limited } from './usage.ts'

/** The current state of the service, shown in addition to the counters. */
interface Gauges {
  workers: Readonly<Record<string, number>>
  queued: number
  inFlight: number
  residentBytes: number
  uptimeSeconds: number
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function prometheusText(
  registry: MetricsRegistry,
  gauges: Gauges,
  limited: Iterable<Limited> = [],
): string {
  const lines: string[] = []
  const family = (name: string, type: string, help: string) =>
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  const all = [...registry.all()]

  family('functions_invocations_total', 'counter', 'Invocations by outcome.')
  for (const one of all) {
    for (const [outcome, count] of one.outcomes) {
      lines.push(`functions_invocations_total{${labels(one)},outcome="${outcome}"} ${count}`)
    }
  }
  family('functions_cpu_seconds_total', 'counter', 'CPU time of invocations.')
  for (const one of all) {
    lines.push(`functions_cpu_seconds_total{${labels(one)}} ${one.cpuUsSum / 1e6}`)
  }
  family('functions_subrequests_total', 'counter', 'Outbound requests by outcome.')
  for (const one of all) {
    for (const [outcome, count] of one.subrequests) {
      lines.push(`functions_subrequests_total{${labels(one)},outcome="${outcome}"} ${count}`)
    }
  }
  family('functions_limited_total', 'counter', 'Requests that a limit refused.')
  for (const { project, functionName, limit, count } of limited) {
    const of = `project="${project}",function="${functionName}",limit="${limit}"`
    lines.push(`functions_limited_total{${of}} ${count}`)
  }
  family(
    'functions_retries_total',
    'counter',
    'Requests tried on a second worker, because one ended while it ran them.',
  )
  for (const one of all) lines.push(`functions_retries_total{${labels(one)}} ${one.retries}`)
  family(
    'functions_sandbox_kills_total',
    'counter',
    'Workers that the kernel killed for a forbidden system call.',
  )
  for (const one of all) {
    lines.push(`functions_sandbox_kills_total{${labels(one)}} ${one.sandboxKills}`)
  }
  family(
    'functions_log_lines_dropped_total',
    'counter',
    'Lines that functions printed and that are not in their logs.',
  )
  for (const one of all) {
    lines.push(`functions_log_lines_dropped_total{${labels(one)}} ${one.logLinesDropped}`)
  }
  family(
    'functions_duration_seconds',
    'histogram',
    'Time from the arrival of a request until all of its work has ended.',
  )
  for (const one of all) lines.push(...histogram(one))
  family('functions_workers', 'gauge', 'Live workers by state.')
  for (const [state, count] of Object.entries(gauges.workers)) {
    lines.push(`functions_workers{state="${state}"} ${count}`)
  }
  const single = (name: string, help: string, value: number) => {
    family(name, 'gauge', help)
    lines.push(`${name} ${value}`)
  }
  single('functions_queued', 'Requests that wait for a worker.', gauges.queued)
  single('functions_in_flight', 'Requests that are being served.', gauges.inFlight)
  single(
    'process_resident_memory_bytes',
    'Resident memory of the service process, without workers.',
    gauges.residentBytes,
  )
  single('functions_uptime_seconds', 'Time since the service started.', gauges.uptimeSeconds)
  return `${lines.join('\n')}\n`
}

/** Names and versions consist of `[A-Za-z0-9._-]`, so nothing has to be escaped. */
function labels(counters: FunctionCounters): string {
  return `project="${counters.project}",function="${counters.functionName}",version="${counters.version}"`
}

function histogram(counters: FunctionCounters): string[] {
  const name = 'functions_duration_seconds'
  const of = labels(counters)
  let sum = 0
  const lines = counters.buckets.map((count, index) => {
    sum += count
    const bound = DURATION_BUCKETS_MS[index]
    return `${name}_bucket{${of},le="${bound === undefined ? '+Inf' : bound / 1000}"} ${sum}`
  })
  lines.push(`${name}_sum{${of}} ${counters.durationMsSum / 1000}`)
  lines.push(`${name}_count{${of}} ${counters.invocations}`)
  return lines
}
