/** Notes in the audit which secrets the egress broker filled in or refused, for which hosts. */
import type { EgressSubject } from '../egress/context.ts'
import type { CredentialUse } from '../egress/credentials.ts'
import type { AuditEntry } from '../metadata/audit-entry.ts'

/** Counts equal entries, and writes one a minute. */
interface AuditSink {
  count(entry: AuditEntry): void
}

/** A function decides what it asks for: of further hosts in the same minute, only their number is noted. */
const MAX_HOSTS = 20
const MINUTE_MS = 60_000
const OTHER_HOSTS = 'other hosts'

export class CredentialAudit {
  readonly #sink: AuditSink
  /** Refused hosts of this minute, by function. */
  readonly #hosts = new Map<string, Set<string>>()
  #since = 0

  constructor(sink: AuditSink) {
    this.#sink = sink
  }

  note(
    {
      project,
      functionId,
      functionName,
    }: Pick<EgressSubject, 'project' | 'functionId' | 'functionName'>,
    { secret, host, outcome }: CredentialUse,
    now = performance.now(),
  ): void {
    const shown = outcome === 'refused' ? this.#bounded(functionId, host, now) : host
    this.#sink.count({
      time: new Date().toISOString(),
      project,
      actor: 'egress',
      address: null,
      action: 'secret.use',
      object: functionName,
      outcome,
      details: { secret, host: shown },
      count: 1,
    })
  }

  #bounded(functionId: string, host: string, now: number): string {
    if (now - this.#since >= MINUTE_MS) {
      this.#since = now
      this.#hosts.clear()
    }
    const hosts = this.#hosts.get(functionId) ?? new Set<string>()
    this.#hosts.set(functionId, hosts)
    if (hosts.size >= MAX_HOSTS && !hosts.has(host)) return OTHER_HOSTS
    hosts.add(host)
    return host
  }
}
