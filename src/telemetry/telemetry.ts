/** Logs and metrics of functions, and the service log, opened and closed together. */
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { MetricsRegistry } from './counters.ts'
import type { Retention } from './database.ts'
import { type LogLevel, LogStore } from './log-store.ts'
import { MetricStore } from './metric-store.ts'
import type { ServiceLog } from './service-log.ts'

/** The function version that an entry is about. */
export interface Subject {
  functionName: string
  version: string
}

/** What the two databases keep. */
export interface TelemetryLimits {
  logs: Retention
  metrics: Retention
}

interface TelemetryOptions {
  dataDir: string
  limits: TelemetryLimits
  serviceLog: ServiceLog
}

export class Telemetry {
  readonly counters = new MetricsRegistry()
  readonly logs: LogStore
  readonly #metrics: MetricStore
  readonly #serviceLog: ServiceLog

  constructor({ dataDir, limits, serviceLog }: TelemetryOptions) {
    this.#serviceLog = serviceLog
    const lost = (what: string) => (error: unknown) =>
      serviceLog.error(`${what} could not be written and were lost`, error)
    this.logs = new LogStore(join(dataDir, 'logs.db'), limits.logs, lost('log entries'))
    const path = join(dataDir, 'metrics.db')
    this.#metrics = new MetricStore(path, this.counters, limits.metrics, lost('metrics'))
  }

  /** Applies other limits; each database is pruned by them when it is written next. */
  configure({ logs, metrics }: TelemetryLimits): void {
    this.logs.keep(logs)
    this.#metrics.keep(metrics)
  }

  /** Records console output of a function. */
  log(about: Subject, level: LogLevel, requestId: string | undefined, message: string): void {
    const { functionName, version } = about
    this.logs.add({ time: Date.now(), function: functionName, version, level, requestId, message })
  }

  /**
   * Records an error of a request. The function's log gets all of it, stack included. The service log
   * gets the code and any fault of the data directory, but no text from the tenant's code.
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

  /** Schedules the changed counters to be written. */
  counted(): void {
    this.#metrics.wake()
  }

  /** Flushes and closes the databases. */
  close(): void {
    this.logs.close()
    this.#metrics.close()
  }
}

/** The fault of the data directory that caused the error, if there was one. */
function storageFault(error: unknown): string | undefined {
  if (!(error instanceof FunctionError)) return undefined
  return error.code === 'STORAGE_UNUSABLE' ? error.message : storageFault(error.cause)
}
