/** Forks workers off a template, connect by connect, and starts that template anew when it dies. */
import { closeSync, constants, openSync } from 'node:fs'
import type { Socket } from 'bun'
import { FunctionError } from '../../errors.ts'
import type { Accepted } from '../protocol/announcements.ts'
import { ZYGOTE_SPARES } from '../protocol/limits.ts'
import { type ChannelPeer, workerSocket } from '../protocol/worker-socket.ts'
import type { ProcessExit } from './process-exit.ts'
import { Spare } from './spare.ts'
import { type OperatorLog, type TemplateParts, TemplateProcess } from './zygote-process.ts'

/** Connections that the template has not accepted yet: more would only fill its backlog. */
const MAX_UNACCEPTED = 64
/** A full backlog is tried again after so many ms, twice as many each time. */
const FIRST_RETRY_MS = 1
const LAST_RETRY_MS = 50
/** News of an end that came before its worker's number was known. */
const MAX_EARLY_EXITS = 1024

/** A spare that was lost is replaced after so long, as the next one may be lost too. */
const REPLACE_MS = 100

/** A worker that needs a process: it is the peer of the connection that becomes its channel. */
export interface ForkedWorker extends ChannelPeer {
  /** Takes the connection, on which nothing was received yet. */
  attach(socket: Socket<unknown>): void
  /** Takes a connection whose announcement was received already. */
  adopt(socket: Socket<unknown>, accepted: Accepted): void
  processEnded(exit: ProcessExit): void
  kill(reason: FunctionError): void
}

export class Template {
  readonly #kind: string
  readonly #parts: TemplateParts
  readonly #log: OperatorLog
  readonly #runDirFd: number
  #process: TemplateProcess | undefined
  #lives = 0
  /** Workers that wait for a place among the unaccepted. */
  #waiting: ForkedWorker[] = []
  readonly #unaccepted = new Set<ForkedWorker>()
  readonly #workers = new Map<number, ForkedWorker>()
  readonly #earlyExits = new Map<number, ProcessExit>()
  readonly #spares = new Set<Spare>()
  #whenOpen = openPromise()
  #closed = false

  constructor(kind: string, parts: TemplateParts, log: OperatorLog) {
    this.#kind = kind
    this.#parts = parts
    this.#log = log
    // An address holds 107 bytes, a data directory's path may be longer: connected through this.
    this.#runDirFd = openSync(parts.runDir, constants.O_RDONLY | constants.O_DIRECTORY)
  }

  /** Those of its workers. */
  get layers(): readonly string[] {
    return [...(this.#process?.layers ?? []), ...this.workerLayers]
  }

  /** What each worker closes behind itself. */
  get workerLayers(): readonly string[] {
    return this.#process?.workerLayers ?? []
  }

  /** Starts it where it does not run; resolves when it takes connections. */
  warm(): Promise<void> {
    this.#run()
    return this.#process?.open ? Promise.resolve() : this.#whenOpen.promise
  }

  /** Gives this worker a connection, and by that a process: one made before, or a new one. */
  fork(worker: ForkedWorker): void {
    if (this.#giveSpare(worker)) return
    this.#waiting.push(worker)
    this.#run()
    this.#connectWaiting()
  }

  /** The connection was accepted: this is the worker's number in this template's life. */
  accepted(worker: ForkedWorker, number: number): void {
    this.#workers.set(number, worker)
    // First: the queue forgets them all when it is empty.
    const exit = this.#earlyExits.get(number)
    this.#leaveQueue(worker)
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
    const process: TemplateProcess = new TemplateProcess(name, this.#parts, this.#log, {
      listening: () => {
        served = true
        this.#whenOpen.resolve()
        this.#connectWaiting()
        this.#makeSpares()
      },
      exited: (number, exit) => this.#exited(number, exit),
      ended: (error) => this.#ended(process, served, error),
    })
    this.#process = process
  }

  #giveSpare(worker: ForkedWorker): boolean {
    for (const spare of this.#spares) {
      const taken = spare.take(worker)
      if (taken === undefined) continue
      this.#spares.delete(spare)
      worker.adopt(taken.socket as Socket<unknown>, taken.accepted)
      // Behind what this start still has to do.
      setImmediate(() => this.#makeSpares())
      return true
    }
    return false
  }

  #makeSpares(): void {
    const process = this.#process
    if (!process?.open || this.#waiting.length > 0) return
    while (this.#spares.size < ZYGOTE_SPARES) {
      const spare = new Spare((lost) => this.#lostSpare(lost))
      this.#spares.add(spare)
      this.#open(process, spare).then(
        (socket) => spare.attach(socket),
        () => this.#lostSpare(spare),
      )
    }
  }

  #lostSpare(spare: Spare): void {
    if (this.#spares.delete(spare)) setTimeout(() => this.#makeSpares(), REPLACE_MS)
  }

  #open(process: TemplateProcess, data: ChannelPeer): Promise<Socket<ChannelPeer>> {
    const unix = `/proc/self/fd/${this.#runDirFd}/${process.socketName}`
    return Bun.connect<ChannelPeer>({ unix, data, socket: workerSocket })
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
    this.#open(process, worker).then(
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
    this.#makeSpares()
  }

  #exited(number: number, exit: ProcessExit): void {
    for (const spare of this.#spares) if (spare.number === number) this.#lostSpare(spare)
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
    for (const spare of this.#spares) spare.close()
    this.#spares.clear()
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
    this.#log('error', `template ${this.#kind}: ${error.message}`)
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
