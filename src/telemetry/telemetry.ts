/** Logs and metrics of functions, and the service log, opened and closed together. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { functionLabel } from '../metadata/records.ts'
import { MetricsRegistry, type Subject } from './counters.ts'
import type { Retention } from './database.ts'
import { type LogLevel, LogStore } from './log-store.ts'
import { METRICS_SCHEMA, MetricStore } from './metric-store.ts'
import type { ServiceLog } from './service-log.ts'
import { type SetAsideReport, TelemetryFile } from './telemetry-file.ts'
import { UsageRegistry } from './usage.ts'
import { USAGE_SCHEMA, UsageStore, usageBytes } from './usage-store.ts'

/** In the data directory: metrics and usage. */
export const METRICS_FILE = 'metrics.db'

/** What the two databases keep. */
export interface TelemetryLimits {
  logs: Retention
  metrics: Retention
  /** Usage is kept for this time, however much it is. */
  usage: { maxAgeMs: number }
}

interface TelemetryOptions {
  dataDir: string
  limits: TelemetryLimits
  serviceLog: ServiceLog
}

export class Telemetry {
  readonly counters = new MetricsRegistry()
  readonly usage = new UsageRegistry(() => this.#usage.wake())
  readonly logs: LogStore
  readonly #metricsFile: TelemetryFile
  readonly #usage: UsageStore
  readonly #metrics: MetricStore
  readonly #serviceLog: ServiceLog

  constructor({ dataDir, limits, serviceLog }: TelemetryOptions) {
    this.#serviceLog = serviceLog
    const setAside: SetAsideReport = (file, aside, reason) => {
      const regular = statSync(aside, { throwIfNoEntry: false })?.isFile() === true
      const remedy = regular ? `sqlite3 ${aside} .recover, or delete it` : `delete ${aside}`
      const message = 'a database could not be used: it was set aside, and a new one begins'
      serviceLog.warn(message, { file, setAside: aside, reason, remedy })
    }
    const failed = (file: string) => (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      const remedy =
        'free space on its disk, correct its permissions, or correct where it leads if it is a link'
      const message = 'a database cannot be written: its entries are kept and tried again'
      serviceLog.warn(message, { file, reason, remedy })
    }
    const logsPath = join(dataDir, 'logs.db')
    this.logs = new LogStore(logsPath, limits.logs, {
      failed: failed(logsPath),
      lost: (count) => serviceLog.warn('log entries of functions were lost', { count }),
      setAside,
    })
    const path = join(dataDir, METRICS_FILE)
    this.#metricsFile = new TelemetryFile(path, METRICS_SCHEMA + USAGE_SCHEMA, setAside)
    const file = this.#metricsFile
    const { metrics } = limits
    this.#metrics = new MetricStore(file, this.counters, metrics, failed(path), usageBytes)
    this.#usage = new UsageStore(file, this.usage, limits.usage.maxAgeMs, failed(path))
  }

  /** Applies other limits; each database is pruned by them when it is written next. */
  configure({ logs, metrics, usage }: TelemetryLimits): void {
    this.logs.keep(logs)
    this.#metrics.keep(metrics)
    this.#usage.keep(usage.maxAgeMs)
  }

  /** Records console output of a function. */
  log(about: Subject, level: LogLevel, requestId: string | undefined, message: string): void {
    const kept = this.logs.add({
      time: Date.now(),
      function: functionLabel(about.functionName, about.project),
      version: about.version,
      level,
      requestId,
      message,
    })
    if (!kept) this.counters.of(about).logLinesDropped++
  }

  /** Records that lines of a function's console output were dropped before they got here. */
  logLinesDropped(about: Subject, lines: number, reason: string): void {
    this.counters.of(about).logLinesDropped += lines
    const label = functionLabel(about.functionName, about.project)
    this.logs.countLost(label, about.version, lines, reason)
  }

  /**
   * Records an error of a request. The function's log gets all of it, stack included. The service log
   * gets the code and any fault of the data directory, but no text from the tenant's code.
   */
  failed(about: Subject, requestId: string, error: FunctionError): void {
    const message = `${error.code}: ${error.message}`
    const { tenantStack } = error
    this.log(about, 'error', requestId, tenantStack ? `${message}\n${tenantStack}` : message)
    const reason = storageFault(error)
    const fields = { ...namesOf(about), code: error.code, requestId, reason }
    this.#serviceLog.warn('a request failed', fields)
  }

  /** Records that a worker ended while it ran a request, which goes to another worker. */
  retried(about: Subject, requestId: string, error: FunctionError): void {
    const lost = `${error.code}: ${error.message}`
    const next =
      'The request is tried on another worker. What it gave to waitUntil in this one is lost.'
    this.log(about, 'warn', requestId, `${lost} ${next}`)
    const fields = { ...namesOf(about), code: error.code, requestId }
    this.#serviceLog.warn('a request is tried on another worker', fields)
  }

  /**
   * A project was deleted: what it used and logged is kept for bills under a name that no project can have, so that
   * a new one of its name begins with nothing.
   */
  async projectDeleted(project: string): Promise<void> {
    const label = `${project}@${new Date().toISOString()}`
    try {
      this.#usage.rename(project, label)
      await this.logs.rename(project, label)
    } catch (error) {
      const reason = (error as Error).message
      this.#serviceLog.warn('usage and logs of a deleted project keep its name', {
        project,
        reason,
      })
    }
  }

  /** Schedules the changed counters to be written. */
  counted(): void {
    this.#metrics.wake()
  }

  /** Writes what was used by now. */
  flushUsage(): void {
    this.#usage.flush()
  }

  /** Flushes and closes the databases. */
  close(): void {
    this.logs.close()
    this.#metrics.flush()
    this.#usage.flush()
    this.#metricsFile.close()
  }
}

function namesOf({ project, functionName, version }: Subject) {
  return { function: functionLabel(functionName, project), version }
}

/** The fault of the data directory that caused the error, if there was one. */
function storageFault(error: unknown): string | undefined {
  if (!(error instanceof FunctionError)) return undefined
  return error.code === 'STORAGE_UNUSABLE' ? error.message : storageFault(error.cause)
}
