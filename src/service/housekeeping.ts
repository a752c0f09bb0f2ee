/** What a running service does beside requests and changes: old versions, manifests, holds of backups. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { HoldDocument } from '../admin/documents.ts'
import type { Operations } from '../admin/operations.ts'
import type { RetentionPolicy } from '../admin/retention.ts'
import type { BundleRemover } from '../bundles/bundle-remover.ts'
import {
  BUNDLES,
  MANIFEST_FILE,
  MANIFESTS_MARKER,
  makeDirectory,
  replaceFile,
} from '../bundles/files.ts'
import { manifestText } from '../bundles/version-manifest.ts'
import { FunctionError } from '../errors.ts'
import type { MetadataStore } from '../metadata/store.ts'
import type { ServiceLog } from '../telemetry/service-log.ts'

/** The first garbage collection, after the rush of a start, and the time between two, ms. */
const FIRST_MS = 60_000
const EVERY_MS = 24 * 3_600_000
/** How often what is collected in memory is written: the last uses of tokens, counted entries of the audit. ms. */
const WRITE_EVERY_MS = 10_000
/** Rows of one query. */
const ROWS_AT_ONCE = 100

interface HousekeepingDeps {
  dataDir: string
  store: MetadataStore
  remover: BundleRemover
  operations: Operations
  log: ServiceLog
  policy(): RetentionPolicy
  /** How long entries of the audit are kept, ms. */
  auditRetention(): number
}

export class Housekeeping {
  readonly #deps: HousekeepingDeps
  readonly #holds = new Set<() => Promise<void>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #writeTimer: ReturnType<typeof setInterval> | undefined
  #running: Promise<void> = Promise.resolve()
  #stopped = false
  #paused = false

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running = this.#run(() => this.#writeManifests())
    this.#schedule(FIRST_MS)
    this.#writeTimer = setInterval(() => this.#write(), WRITE_EVERY_MS)
    this.#writeTimer.unref()
  }

  /** Ends the holds, and resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearInterval(this.#writeTimer)
    this.#write(false)
    await Promise.all([...this.#holds].map((end) => end()))
    await this.#running
    await this.#deps.operations.settled()
  }

  /**
   * Begins no hold until `resume`, because another process takes over, which would not know of it.
   *
   * @throws {FunctionError} CONFLICT while a backup holds the bundles
   */
  pause(): void {
    if (this.#holds.size > 0) {
      throw new FunctionError('CONFLICT', 'A backup is running: wait until it is done.')
    }
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
  }

  /**
   * Answers the request of a backup: bundles are kept until the client disconnects.
   *
   * @throws {FunctionError} SHUTTING_DOWN
   */
  hold(request: Request, document: HoldDocument): Response {
    if (this.#paused) {
      const message = 'Another process takes over the service. Begin the backup again.'
      throw new FunctionError('SHUTTING_DOWN', message)
    }
    const release = this.#deps.operations.holdBundles()
    const body = new TransformStream<Uint8Array, Uint8Array>()
    const writer = body.writable.getWriter()
    const end = async () => {
      if (!this.#holds.delete(end)) return
      // Not awaited: a client that does not read would delay the stop of the service.
      writer.close().catch(() => {})
      await release()
    }
    this.#holds.add(end)
    request.signal.addEventListener('abort', end)
    writer.closed.catch(end)
    // The head leaves with the first bytes.
    writer.write(new TextEncoder().encode(`${JSON.stringify(document)}\n`)).catch(end)
    return new Response(body.readable, { headers: { 'content-type': 'application/x-ndjson' } })
  }

  #schedule(afterMs: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#run(() => this.#collect()).then(() => {
        if (!this.#stopped) this.#schedule(EVERY_MS)
      })
    }, afterMs)
    this.#timer.unref()
  }

  /** @param now false: also what is still counted */
  #write(now: number | false = performance.now()): void {
    const { store, log } = this.#deps
    try {
      store.tokens.writeUses()
      store.audit.flush(now)
    } catch (error) {
      const reason = (error as Error).message
      log.warn('uses of tokens and refused attempts could not be written', { reason })
    }
  }

  async #run(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!this.#stopped) this.#deps.log.error('housekeeping failed; it is tried again', error)
    }
  }

  async #collect(): Promise<void> {
    await this.#pruneAudit()
    const { versions, orphans, unknown } = await this.#deps.operations.garbage.collect(
      this.#deps.policy(),
    )
    if (versions + orphans > 0) this.#deps.log.info('collected garbage', { versions, orphans })
    if (unknown > 0) {
      const message =
        "metadata.db does not know versions that are in bundles/: it may be old. They are kept; 'functions check' names them"
      this.#deps.log.warn(message, { count: unknown })
    }
  }

  async #pruneAudit(): Promise<void> {
    const { store, auditRetention } = this.#deps
    const before = new Date(Date.now() - auditRetention()).toISOString()
    while (!this.#stopped && store.audit.prune(before, ROWS_AT_ONCE) === ROWS_AT_ONCE)
      await new Promise((next) => setImmediate(next))
  }

  /** Gives the versions of earlier releases their manifests, a few at a time. */
  async #writeManifests(): Promise<void> {
    const { dataDir, store, remover } = this.#deps
    const marker = join(dataDir, BUNDLES, MANIFESTS_MARKER)
    if (existsSync(marker)) return
    let after = ''
    for (;;) {
      const rows = store.versionsAfter(after, ROWS_AT_ONCE)
      for (const row of rows) {
        if (this.#stopped) return
        const path = join(dataDir, dirname(row.bundle.path), MANIFEST_FILE)
        if (existsSync(dirname(path)) && !existsSync(path))
          await replaceFile(path, manifestText(row))
      }
      const last = rows.at(-1)
      if (last === undefined) break
      after = last.id
      await new Promise((next) => setImmediate(next))
    }
    await remover.sweepOldStaged()
    await makeDirectory(dirname(marker))
    await replaceFile(marker, '')
  }
}
