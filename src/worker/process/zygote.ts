/** Forks workers from a zygote, one for each connection, and restarts the zygote when it dies. */
import { closeSync, constants, openSync } from 'node:fs'
import type { Socket } from 'bun'
import { FunctionError } from '../../errors.ts'
import type { Accepted } from '../protocol/announcements.ts'
import { ZYGOTE_SPARES } from '../protocol/limits.ts'
import { type ChannelPeer, workerSocket } from '../protocol/worker-socket.ts'
import type { ProcessExit } from './process-exit.ts'
import { Spare } from './spare.ts'
import { type OperatorLog, type ZygoteOptions, ZygoteProcess } from './zygote-process.ts'

/** Connections that the zygote has not accepted yet. More would only fill its backlog. */
const MAX_UNACCEPTED = 64
/** Delay before a full backlog is tried again, ms. It doubles each time. */
const FIRST_RETRY_MS = 1
const LAST_RETRY_MS = 50
/** Exit reports of workers that `accepted` has not announced yet. More are dropped. */
const MAX_EARLY_EXITS = 1024

/** Delay before a lost spare is replaced, ms, as the next one may be lost too. */
const REPLACE_MS = 100

/** A worker that needs a process. It is the peer of the connection that becomes its channel. */
export interface ForkedWorker extends ChannelPeer {
  /** Takes a connection on which nothing was received yet. */
  attach(socket: Socket<unknown>): void
  /** Takes a connection whose announcement was received already. */
  adopt(socket: Socket<unknown>, accepted: Accepted): void
  processEnded(exit: ProcessExit): void
  kill(reason: FunctionError): void
}

export class Zygote {
  readonly #kind: string
  readonly #options: ZygoteOptions
  readonly #log: OperatorLog
  readonly #runDirFd: number
  #process: ZygoteProcess | undefined
  #lives = 0
  /** Workers that wait until fewer connections are unaccepted. */
  #waiting: ForkedWorker[] = []
  readonly #unaccepted = new Set<ForkedWorker>()
  readonly #workers = new Map<number, ForkedWorker>()
  readonly #earlyExits = new Map<number, ProcessExit>()
  readonly #spares = new Set<Spare>()
  #whenOpen = openPromise()
  #closed = false

  constructor(kind: string, options: ZygoteOptions, log: OperatorLog) {
    this.#kind = kind
    this.#options = options
    this.#log = log
    // The address of a socket holds 107 bytes, and the path of a data directory may be longer, so
    // connections go through this descriptor.
    this.#runDirFd = openSync(options.runDir, constants.O_RDONLY | constants.O_DIRECTORY)
  }

  /** The layers of its workers. */
  get layers(): readonly string[] {
    return [...(this.#process?.layers ?? []), ...this.workerLayers]
  }

  /** The layers that each worker applies to itself. */
  get workerLayers(): readonly string[] {
    return this.#process?.workerLayers ?? []
  }

  /** Starts the zygote if it does not run. Resolves when it accepts connections. */
  warm(): Promise<void> {
    this.#run()
    return this.#process?.open ? Promise.resolve() : this.#whenOpen.promise
  }

  /** Gives the worker a connection, and so a process: a spare, or a new one. */
  fork(worker: ForkedWorker): void {
    if (this.#giveSpare(worker)) return
    this.#waiting.push(worker)
    this.#run()
    this.#connectWaiting()
  }

  /** The connection was accepted: `number` is the worker's, unique in the life of this process. */
  accepted(worker: ForkedWorker, number: number): void {
    this.#workers.set(number, worker)
    // Before the queue is left: it drops all reports when it is empty.
    const exit = this.#earlyExits.get(number)
    this.#leaveQueue(worker)
    if (exit !== undefined) this.#exited(number, exit)
  }

  /** The worker ended: its process is killed if there is one. */
  dismiss(worker: ForkedWorker, number: number | undefined): void {
    if (number === undefined) this.#leaveQueue(worker)
    // It stays in the table until its end is reported, with the CPU time that it used in all.
    else if (this.#workers.has(number)) this.#process?.kill(number)
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
    // Two services share the directory while one takes over from the other.
    const name = `${this.#kind}-${globalThis.process.pid}-${this.#lives}`
    const process: ZygoteProcess = new ZygoteProcess(name, this.#options, this.#log, {
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
      // After the rest of this start, which a caller waits for.
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

  #open(process: ZygoteProcess, data: ChannelPeer): Promise<Socket<ChannelPeer>> {
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

  #connect(process: ZygoteProcess, worker: ForkedWorker, retryMs: number): void {
    // The worker was killed, or the zygote died, while it waited for its turn.
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
        const message = `The zygote (quickjs-worker --template) did not accept a connection (${cause.code}).`
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

  #ended(process: ZygoteProcess, served: boolean, why: FunctionError): void {
    if (this.#process !== process) return
    const failed = !served && why.code === 'WORKER_CRASHED'
    const error = failed ? new FunctionError('WORKER_START_FAILED', why.message) : why
    this.#process = undefined
    for (const spare of this.#spares) spare.close()
    this.#spares.clear()
    const lost = [...this.#workers.values(), ...this.#unaccepted]
    // Workers that did not connect yet can be forked from the next process, unless none starts.
    if (!served || this.#closed) lost.push(...this.#waiting.splice(0))
    this.#workers.clear()
    this.#unaccepted.clear()
    this.#earlyExits.clear()
    if (served) this.#whenOpen = openPromise()
    else this.#whenOpen.reject(error)
    for (const worker of lost) worker.kill(error)
    if (this.#closed) return
    this.#log('error', `zygote ${this.#kind}: ${error.message}`)
    if (served) this.#run()
    else this.#whenOpen = openPromise()
  }
}

function openPromise(): PromiseWithResolvers<void> {
  const open = Promise.withResolvers<void>()
  // If nobody waits for it, a failed start is reported by the workers that fail with it.
  open.promise.catch(() => {})
  return open
}
