/** Quotas of this hour and day begin with what the process before used, and not anew. */
import type { Gate } from '../limits/gate.ts'
import { type Ledger, lengthOf } from '../limits/ledger.ts'
import type { LimitName } from '../limits/names.ts'
import type { UsageReader, Used } from '../telemetry/usage-reader.ts'

/** An account is read again after this time, ms: its limit may have been removed and set again. */
const AGAIN_MS = 10_000

/** What each quota counts. */
const COUNTED: Partial<Record<LimitName, keyof Used>> = {
  cpuPerHour: 'cpuUs',
  cpuPerDay: 'cpuUs',
  egressRequestsPerDay: 'egressRequests',
  egressBytesPerDay: 'egressBytes',
}

export class QuotaHistory {
  readonly #ledger: Ledger
  readonly #usage: UsageReader
  readonly #onFailure: (error: unknown) => void
  /** When each account was read, by its key. */
  readonly #readAt = new Map<string, number>()
  /** One query at a time. */
  #last: Promise<void> = Promise.resolve()

  constructor(ledger: Ledger, usage: UsageReader, onFailure: (error: unknown) => void) {
    this.#ledger = ledger
    this.#usage = usage
    this.#onFailure = onFailure
  }

  /** Brings the quotas of a gate up to what the database has. Requests are admitted meanwhile. */
  restore({ quotas }: Gate): void {
    const now = performance.now()
    for (const quota of quotas) {
      const { key } = quota.account
      if (now - (this.#readAt.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) continue
      this.#readAt.set(key, now)
      this.#last = this.#last.then(() => this.#read(quota)).catch(this.#onFailure)
    }
  }

  async #read({ account, limit, scope }: Gate['quotas'][number]): Promise<void> {
    const { policy } = account
    const counted = COUNTED[limit]
    if (policy.kind !== 'quota' || counted === undefined) return
    const length = lengthOf(policy.window)
    const since = Date.now() - (Date.now() % length)
    const [project, name] = scope.level === 'installation' ? [] : scope.name.split('/')
    const used = await this.#usage.used(since, project, name)
    this.#ledger.raise(account, used[counted])
  }
}
