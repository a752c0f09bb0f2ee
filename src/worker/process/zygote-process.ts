/** One `quickjs-worker --template` process, the zygote: it listens, and forks for every connection. */
import { rmSync } from 'node:fs'
import type { Socket } from 'bun'
import { FunctionError } from '../../errors.ts'
import { readHostPids } from '../../lib/procfs.ts'
import { Channel } from '../protocol/channel.ts'
import { connectFd } from '../protocol/connect-fd.ts'
import { FrameDecoder } from '../protocol/frame-decoder.ts'
import { validateZygoteMessage, type ZygoteMessage } from '../protocol/zygote-messages.ts'
import { type Sandbox, type SandboxSettings, validateLayers } from '../sandbox/sandbox.ts'
import type { LogLevel } from '../worker.ts'
import type { ProcessExit } from './process-exit.ts'
import {
  endProcess,
  type Launched,
  launch,
  launcherMissing,
  launchFailure,
  readLines,
} from './spawn.ts'

/** Exit status and end of the channel arrive independently; after one, the other is awaited this long, ms. */
const EXIT_REPORT_MS = 100

/** What a zygote is started with. */
export interface ZygoteOptions {
  launcherPath: string
  workerPath: string
  sandboxUid: number | undefined
  runDir: string
  emptyDir: string
  sandbox: Sandbox
  settings: SandboxSettings
}

/** Writes a line to the service log. */
export type OperatorLog = (level: LogLevel, message: string) => void

export interface ZygoteEvents {
  listening(): void
  /** A worker of this zygote ended. */
  exited(worker: number, exit: ProcessExit): void
  /** Called once, last: the process and all its workers are gone. */
  ended(error: FunctionError): void
}

export class ZygoteProcess {
  readonly socketName: string
  /** The layers that the launcher applied. */
  layers: readonly string[] = []
  /** The layers that each worker applies to itself. */
  workerLayers: readonly string[] = []
  /** The zygote accepts connections. */
  open = false
  readonly #options: ZygoteOptions
  readonly #events: ZygoteEvents
  readonly #log: OperatorLog
  readonly #socketPath: string
  readonly #channel = new Channel()
  readonly #decoder: FrameDecoder<ZygoteMessage>
  readonly #exited = Promise.withResolvers<void>()
  #launched: Launched | undefined
  #running = true
  #ended = false
  #signs = 0
  #how = 'The zygote (quickjs-worker --template) closed its channel.'
  #pid: number | undefined
  /** Pids of the workers as the zygote sees them, by number. */
  readonly #innerPids = new Map<number, number>()
  #hostPids = new Map<number, number>()

  constructor(name: string, options: ZygoteOptions, log: OperatorLog, events: ZygoteEvents) {
    this.socketName = `${name}.sock`
    this.#socketPath = `${options.runDir}/${this.socketName}`
    this.#options = options
    this.#events = events
    this.#log = log
    this.#decoder = new FrameDecoder<ZygoteMessage>({
      check: validateZygoteMessage,
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

  /** The pid of a worker as the host sees it. It is read from /proc if the zygote has a pid namespace. */
  hostPid(worker: number): number | undefined {
    const inner = this.#innerPids.get(worker)
    if (inner === undefined || this.#pid === undefined) return undefined
    if (!this.layers.includes('pid_namespace')) return inner
    if (!this.#hostPids.has(inner)) this.#hostPids = readHostPids(this.#pid, this.#hostPids)
    return this.#hostPids.get(inner)
  }

  /** Ends the zygote and its workers. Resolves when the process is gone. */
  close(): Promise<void> {
    this.#end(new FunctionError('SHUTTING_DOWN', 'The service is shutting down.'))
    return this.#exited.promise
  }

  async #start(): Promise<void> {
    try {
      const launched = this.#launch()
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
      this.#end(launcherMissing(cause))
    }
  }

  #launch(): Launched {
    const options = this.#options
    return launch({
      launcherPath: options.launcherPath,
      sandboxUid: options.sandboxUid,
      cwd: options.emptyDir,
      flags: [
        '--listen-dir',
        options.runDir,
        '--listen-name',
        this.socketName,
        ...options.sandbox.launcherFlags,
      ],
      program: [options.workerPath, '--template', ...options.sandbox.workerFlags],
      onExit: (status, signal) => {
        const how = signal > 0 ? `was killed by signal ${signal}` : `exited with status ${status}`
        this.#how = `The zygote (quickjs-worker --template) ${how}.`
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
      this.#end(
        new FunctionError(
          'WORKER_CRASHED',
          'The zygote (quickjs-worker --template) was killed because it broke its protocol. Check that quickjs-worker and this program are of the same release.',
          { cause },
        ),
      )
    }
  }

  #deliver(message: ZygoteMessage): void {
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
    const { sandbox, settings } = this.#options
    try {
      validateLayers(sandbox, [...this.layers, ...this.workerLayers], settings)
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
   * The process exits and its channel closes, in any order. Its last messages come before the end of
   * the channel, and the exit tells how it ended, so both are awaited.
   */
  #endSoon(): void {
    const end = () => this.#end(new FunctionError('WORKER_CRASHED', this.#how))
    this.#signs++
    if (this.#signs === 2) end()
    else setTimeout(end, EXIT_REPORT_MS)
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
