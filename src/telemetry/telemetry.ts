/** Everything that is written down about functions and the service, in one place to start and close. */
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { MetricsRegistry } from './counters.ts'
import type { Retention } from './database.ts'
import { type LogLevel, LogStore } from './log-store.ts'
import { MetricStore } from './metric-store.ts'
import type { ServiceLog } from './service-log.ts'

/** The function version that something is written about. */
export interface Subject {
  functionName: string
  version: string
}

export interface TelemetryOptions {
  dataDir: string
  logs: Retention
  metrics: Retention
  serviceLog: ServiceLog
}

export class Telemetry {
  readonly counters = new MetricsRegistry()
  readonly logs: LogStore
  readonly #metrics: MetricStore
  readonly #serviceLog: ServiceLog

  constructor({ dataDir, logs, metrics, serviceLog }: TelemetryOptions) {
    this.#serviceLog = serviceLog
    const lost = (what: string) => (error: unknown) =>
      serviceLog.error(`${what} could not be written and were lost`, error)
    this.logs = new LogStore(join(dataDir, 'logs.db'), logs, lost('log entries'))
    const path = join(dataDir, 'metrics.db')
    this.#metrics = new MetricStore(path, this.counters, metrics, lost('metrics'))
  }

  /** What a function wrote to its console. */
  log(about: Subject, level: LogLevel, requestId: string | undefined, message: string): void {
    const { functionName, version } = about
    this.logs.add({ time: Date.now(), function: functionName, version, level, requestId, message })
  }

  /**
   * What went wrong in a request: the tenant sees all of it in the logs, stack included; the
   * operator sees that it happened, and what is wrong with the data directory, but not what the
   * tenant's code said.
   */
  failed(about: Subject, requestId: string, error: FunctionError): void {
    const message = `${error.code}: ${error.message}`
    const { tenantStack } = error
    this.log(about, 'error', requestId, tenantStack ? `${message}\n${tenantStack}` : message)
    const { functionName, version } = about
    const reason = storageFault(error)
    const fields = { function: functionName, version, code: error.code, requestId, reason }
    this.#serviceLog.warn('a request failed', fields)
  }

  /** Something was counted: it is written with the next batch. */
  counted(): void {
    this.#metrics.wake()
  }

  /** Writes what waits and closes the databases. */
  close(): void {
    this.logs.close()
    this.#metrics.close()
  }
}

/** What the data directory had to do with it, in our own words; undefined where it had nothing. */
function storageFault(error: unknown): string | undefined {
  if (!(error instanceof FunctionError)) return undefined
  return error.code === 'STORAGE_UNUSABLE' ? error.message : storageFault(error.cause)
}
