/** One life of a `quickjs-worker --template` process: it listens, and every connection is a fork of it. */
import { rmSync } from 'node:fs'
import type { Socket } from 'bun'
import { FunctionError } from '../../errors.ts'
import { readHostPids } from '../../lib/procfs.ts'
import { Channel } from '../protocol/channel.ts'
import { connectFd } from '../protocol/connect-fd.ts'
import { FrameDecoder } from '../protocol/frame-decoder.ts'
import { checkTemplateMessage, type TemplateMessage } from '../protocol/zygote-messages.ts'
import { checkLayers, type Sandbox, type SandboxSettings } from '../sandbox/sandbox.ts'
import type { LogLevel } from '../worker.ts'
import type { ProcessExit } from './process-exit.ts'
import { endProcess, type Launched, launch, launchFailure, readLines } from './spawn.ts'

/** From the first sign of its end to the second. */
const LAST_WORDS_MS = 100

/** Where the parts of a template lie, and how it is launched. */
export interface TemplateParts {
  launcherPath: string
  workerPath: string
  sandboxUid: number | undefined
  runDir: string
  emptyDir: string
  sandbox: Sandbox
  settings: SandboxSettings
}

/** Writes a line to the operator's log. */
export type OperatorLog = (level: LogLevel, message: string) => void

export interface TemplateEvents {
  listening(): void
  /** A worker of this template ended. */
  exited(worker: number, exit: ProcessExit): void
  /** Once, last: the process is gone, and its workers with it. */
  ended(error: FunctionError): void
}

export class TemplateProcess {
  readonly socketName: string
  /** What the launcher put around it. */
  layers: readonly string[] = []
  /** What each worker closes behind itself. */
  workerLayers: readonly string[] = []
  /** It takes connections. */
  open = false
  readonly #parts: TemplateParts
  readonly #events: TemplateEvents
  readonly #log: OperatorLog
  readonly #socketPath: string
  readonly #channel = new Channel()
  readonly #decoder: FrameDecoder<TemplateMessage>
  readonly #exited = Promise.withResolvers<void>()
  #launched: Launched | undefined
  #running = true
  #ended = false
  #signs = 0
  #how = 'the template of quickjs-worker ended'
  #pid: number | undefined
  /** A worker's pid as the template sees it. */
  readonly #innerPids = new Map<number, number>()
  #hostPids = new Map<number, number>()

  constructor(name: string, parts: TemplateParts, log: OperatorLog, events: TemplateEvents) {
    this.socketName = `${name}.sock`
    this.#socketPath = `${parts.runDir}/${this.socketName}`
    this.#parts = parts
    this.#events = events
    this.#log = log
    this.#decoder = new FrameDecoder<TemplateMessage>({
      check: checkTemplateMessage,
      payloadBytes: () => -1,
      deliver: (message) => this.#deliver(message),
    })
    queueMicrotask(() => void this.#start())
  }

  kill(worker: number): void {
    this.#channel.sendLine(`{"type":"kill","worker":${worker}}\n`)
  }

  limit(worker: number, cpuMs: number): void {
    this.#channel.sendLine(`{"type":"limit","worker":${worker},"cpu_ms":${cpuMs}}\n`)
  }

  /** The pid of a worker as the host sees it, read from /proc where that is another. */
  hostPid(worker: number): number | undefined {
    const inner = this.#innerPids.get(worker)
    if (inner === undefined || this.#pid === undefined) return undefined
    if (!this.layers.includes('pid_namespace')) return inner
    if (!this.#hostPids.has(inner)) this.#hostPids = readHostPids(this.#pid, this.#hostPids)
    return this.#hostPids.get(inner)
  }

  /** Ends it and its workers; resolves when the process is gone. */
  close(): Promise<void> {
    this.#end(new FunctionError('SHUTTING_DOWN', 'the service stops'))
    return this.#exited.promise
  }

  async #start(): Promise<void> {
    try {
      const launched = this.#launch(this.#parts)
      this.#launched = launched
      const print = (line: string) => this.#log('warn', `${this.socketName}: ${line}`)
      void readLines(launched.process.stdout, print)
      void readLines(launched.process.stderr, print)
      const socket = await connectFd(launched.channelFd, undefined, {
        data: (_socket, data) => this.#received(data),
        drain: () => this.#channel.drain(),
        close: () => this.#endSoon(),
      })
      if (this.#ended) socket.terminate()
      else this.#channel.attach(socket as Socket<unknown>)
    } catch (cause) {
      this.#exitedNow()
      this.#end(new FunctionError('WORKER_START_FAILED', 'the launcher does not start', { cause }))
    }
  }

  #launch(parts: TemplateParts): Launched {
    return launch({
      launcherPath: parts.launcherPath,
      sandboxUid: parts.sandboxUid,
      cwd: parts.emptyDir,
      flags: [
        ...['--listen-dir', parts.runDir, '--listen-name', this.socketName],
        ...parts.sandbox.launcherFlags,
      ],
      program: [parts.workerPath, '--template', ...parts.sandbox.workerFlags],
      onExit: (status, signal) => {
        const how = signal > 0 ? `died of signal ${signal}` : `exited with status ${status}`
        this.#how = `the template of quickjs-worker ${how}`
        this.#exitedNow()
        this.#endSoon()
      },
    })
  }

  #received(data: Buffer): void {
    try {
      this.#decoder.push(data)
    } catch (cause) {
      this.#log('error', `${this.socketName}: ${cause}`)
      this.#end(new FunctionError('WORKER_CRASHED', 'the template broke its protocol', { cause }))
    }
  }

  #deliver(message: TemplateMessage): void {
    switch (message.type) {
      case 'launched':
        this.#pid = message.pid
        this.layers = message.layers
        return
      case 'launch-failed': {
        this.#end(launchFailure(message.what, message.errno))
        return
      }
      case 'listening':
        this.workerLayers = message.layers
        this.#listening()
        return
      case 'forked':
        this.#innerPids.set(message.worker, message.pid)
        return
      case 'exited':
        this.#forget(message.worker)
        this.#events.exited(message.worker, {
          status: message.status,
          signal: message.signal,
          cpu: message.reason === 'cpu',
          cpuUs: message.cpu_us,
        })
    }
  }

  #listening(): void {
    const { sandbox, settings } = this.#parts
    try {
      checkLayers(sandbox, [...this.layers, ...this.workerLayers], settings)
    } catch (error) {
      this.#end(error as FunctionError)
      return
    }
    this.open = true
    this.#events.listening()
  }

  #forget(worker: number): void {
    const inner = this.#innerPids.get(worker)
    if (inner === undefined) return
    this.#innerPids.delete(worker)
    this.#hostPids.delete(inner)
  }

  /**
   * The process exits and its channel closes, in any order: what it said last is read before the one,
   * how it ended is known by the other.
   */
  #endSoon(): void {
    const end = () => this.#end(new FunctionError('WORKER_CRASHED', this.#how))
    this.#signs++
    if (this.#signs === 2) end()
    else setTimeout(end, LAST_WORDS_MS)
  }

  #exitedNow(): void {
    this.#running = false
    this.#exited.resolve()
  }

  #end(error: FunctionError): void {
    if (this.#ended) return
    this.#ended = true
    this.open = false
    this.#decoder.stop()
    this.#channel.close()
    if (this.#running && this.#launched) endProcess(this.#launched, this.#pid)
    rmSync(this.#socketPath, { force: true })
    this.#events.ended(error)
  }
}
