/** Forks workers off a template, connect by connect, and starts that template anew when it dies. */
import { closeSync, constants, openSync } from 'node:fs'
import type { Socket } from 'bun'
import { FunctionError } from '../errors.ts'
import type { ProcessExit } from './failures.ts'
import type { Announcement } from './inbox.ts'
import type { ProtocolWorker } from './protocol-worker.ts'
import type { WorkerServices } from './services.ts'
import { type TemplateParts, TemplateProcess } from './template-process.ts'
import { workerSocket } from './worker-socket.ts'

/** Connections that the template has not accepted yet: more would only fill its backlog. */
const MAX_UNACCEPTED = 64
/** A full backlog is tried again after so many ms, twice as many each time. */
const FIRST_RETRY_MS = 1
const LAST_RETRY_MS = 50
/** News of an end that came before its worker's number was known. */
const MAX_EARLY_EXITS = 1024

/** A worker that waits for its fork, or is one. */
type ForkedWorker = ProtocolWorker<Announcement>

export class Template {
  readonly #kind: string
  readonly #parts: TemplateParts
  readonly #services: WorkerServices
  readonly #runDirFd: number
  #process: TemplateProcess | undefined
  #lives = 0
  /** Workers that wait for a place among the unaccepted. */
  #waiting: ForkedWorker[] = []
  readonly #unaccepted = new Set<ForkedWorker>()
  readonly #workers = new Map<number, ForkedWorker>()
  readonly #earlyExits = new Map<number, ProcessExit>()
  #whenOpen = openPromise()
  #closed = false

  constructor(kind: string, parts: TemplateParts, services: WorkerServices) {
    this.#kind = kind
    this.#parts = parts
    this.#services = services
    // An address holds 107 bytes, a data directory's path may be longer: connected through this.
    this.#runDirFd = openSync(parts.runDir, constants.O_RDONLY | constants.O_DIRECTORY)
  }

  /** Those of its workers. */
  get layers(): readonly string[] {
    const { layers = [], workerLayers = [] } = this.#process ?? {}
    return [...layers, ...workerLayers]
  }

  /** Starts it where it does not run; resolves when it takes connections. */
  warm(): Promise<void> {
    this.#run()
    return this.#process?.open ? Promise.resolve() : this.#whenOpen.promise
  }

  /** Makes a connection, and by that a process, for this worker. */
  fork(worker: ForkedWorker): void {
    this.#waiting.push(worker)
    this.#run()
    this.#connectWaiting()
  }

  /** The connection was accepted: this is the worker's number in this template's life. */
  accepted(worker: ForkedWorker, number: number): void {
    this.#workers.set(number, worker)
    this.#leaveQueue(worker)
    const exit = this.#earlyExits.get(number)
    if (exit !== undefined) this.#exited(number, exit)
  }

  /** The worker is of no interest any more; its process, where there is one, is killed. */
  dismiss(worker: ForkedWorker, number: number | undefined): void {
    if (number === undefined) this.#leaveQueue(worker)
    else if (this.#workers.delete(number)) this.#process?.kill(number)
  }

  limit(number: number, cpuMs: number): void {
    this.#process?.limit(number, cpuMs)
  }

  hostPid(number: number): number | undefined {
    return this.#process?.hostPid(number)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#process?.close()
    closeSync(this.#runDirFd)
  }

  #run(): void {
    if (this.#closed || this.#process !== undefined) return
    this.#lives++
    let served = false
    const name = `${this.#kind}-${this.#lives}`
    const process: TemplateProcess = new TemplateProcess(name, this.#parts, this.#services, {
      listening: () => {
        served = true
        this.#whenOpen.resolve()
        this.#connectWaiting()
      },
      exited: (number, exit) => this.#exited(number, exit),
      ended: (error) => this.#ended(process, served, error),
    })
    this.#process = process
  }

  #connectWaiting(): void {
    const process = this.#process
    if (!process?.open) return
    while (this.#unaccepted.size < MAX_UNACCEPTED) {
      const worker = this.#waiting.shift()
      if (worker === undefined) return
      this.#unaccepted.add(worker)
      this.#connect(process, worker, FIRST_RETRY_MS)
    }
  }

  #connect(process: TemplateProcess, worker: ForkedWorker, retryMs: number): void {
    // It was killed, or its template died, while it waited for its turn.
    if (!process.open || !this.#unaccepted.has(worker)) return
    const unix = `/proc/self/fd/${this.#runDirFd}/${process.socketName}`
    Bun.connect<ProtocolWorker<Announcement>>({ unix, data: worker, socket: workerSocket }).then(
      (socket) => worker.attach(socket as Socket<unknown>),
      (cause: { code?: string }) => {
        if (cause.code === 'ECONNREFUSED' || cause.code === 'EAGAIN') {
          const next = Math.min(2 * retryMs, LAST_RETRY_MS)
          setTimeout(() => this.#connect(process, worker, next), retryMs)
          return
        }
        if (!process.open) return
        const message = 'the template cannot be reached'
        worker.kill(new FunctionError('WORKER_START_FAILED', message, { cause }))
      },
    )
  }

  #leaveQueue(worker: ForkedWorker): void {
    if (!this.#unaccepted.delete(worker)) {
      this.#waiting = this.#waiting.filter((other) => other !== worker)
      return
    }
    if (this.#unaccepted.size === 0) this.#earlyExits.clear()
    this.#connectWaiting()
  }

  #exited(number: number, exit: ProcessExit): void {
    const worker = this.#workers.get(number)
    if (worker !== undefined) {
      this.#workers.delete(number)
      worker.processEnded(exit)
    } else if (this.#unaccepted.size > 0 && this.#earlyExits.size < MAX_EARLY_EXITS) {
      this.#earlyExits.set(number, exit)
    }
  }

  #ended(process: TemplateProcess, served: boolean, why: FunctionError): void {
    if (this.#process !== process) return
    const failed = !served && why.code === 'WORKER_CRASHED'
    const error = failed ? new FunctionError('WORKER_START_FAILED', why.message) : why
    this.#process = undefined
    const lost = [...this.#workers.values(), ...this.#unaccepted]
    // Who did not connect yet may as well be forked off the next one, unless none comes up.
    if (!served || this.#closed) lost.push(...this.#waiting.splice(0))
    this.#workers.clear()
    this.#unaccepted.clear()
    this.#earlyExits.clear()
    if (served) this.#whenOpen = openPromise()
    else this.#whenOpen.reject(error)
    for (const worker of lost) worker.kill(error)
    if (this.#closed) return
    this.#services.log('error', `template ${this.#kind}: ${error.message}`)
    if (served) this.#run()
    else this.#whenOpen = openPromise()
  }
}

function openPromise(): PromiseWithResolvers<void> {
  const open = Promise.withResolvers<void>()
  // Without anybody who waits for it, a failed start is told by the workers that it fails.
  open.promise.catch(() => {})
  return open
}
