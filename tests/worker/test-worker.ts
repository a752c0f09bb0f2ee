/** One worker, to which a test sends messages of the protocol. */
import type { Socket } from 'bun'
import { type Capabilities, capabilitiesSchema } from '../../src/capabilities/schema.ts'
import { asciiJson, encodeLine } from '../../src/worker/protocol/encode.ts'
import { Frames, Inbox, type Message, Outbox } from './frames.ts'
import { type InvokeOptions, type InvokeResult, Running } from './running.ts'

const MB = 1024 * 1024

export interface WorkerOptions {
  bundle: string | Uint8Array
  env?: Record<string, string>
  handler?: string
  capabilities?: Partial<Capabilities>
  limits?: {
    memory_bytes?: number
    cpu_ms?: number
    fds?: number
    load_ms?: number
    load_cpu_ms?: number
    background_ms?: number
    background_cpu_percent?: number
  }
  /** The id of the function. */
  details?: { function?: string; version?: string; project?: string }
}

/** One connection to a zygote: one forked worker. */
export class TestWorker {
  readonly inbox = new Inbox()
  readonly #outbox = new Outbox()
  readonly #running = new Map<number, Running>()
  #socket: Socket<undefined> | undefined
  #nextId = 1
  #gone = false
  #watcher: ((message: Message, bytes: Uint8Array) => void) | undefined
  number = 0

  static async connect(path: string): Promise<TestWorker> {
    const worker = new TestWorker()
    const frames = new Frames((message, bytes) => worker.#take(message, bytes))
    worker.#socket = await Bun.connect<undefined>({
      unix: path,
      socket: {
        data: (_socket, data) => frames.push(data),
        drain: () => worker.#outbox.drain(),
        close: () => worker.#closed(),
        error: () => worker.#closed(),
      },
    })
    worker.#outbox.attach(worker.#socket)
    const accepted = await worker.inbox.find((message) => message.type === 'accepted')
    worker.number = accepted.worker as number
    return worker
  }

  #take(message: Message, bytes: Uint8Array): void {
    this.inbox.push(message)
    this.#watcher?.(message, bytes)
    if (typeof message.id === 'number') this.#running.get(message.id)?.take(message, bytes)
  }

  #closed(): void {
    this.#gone = true
    this.inbox.close()
    for (const running of this.#running.values()) running.closed()
  }

  /** Calls back for every message from now on, before it is handled. */
  watch(watcher: (message: Message, bytes: Uint8Array) => void): void {
    this.#watcher = watcher
  }

  send(message: object, bytes?: Uint8Array): void {
    const line = Buffer.from(encodeLine(message), 'latin1')
    this.#outbox.send(bytes === undefined ? line : Buffer.concat([line, bytes]))
  }

  sendRaw(bytes: Uint8Array | string): void {
    this.#outbox.send(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The `start` message of a function. The defaults of `options` are those of the strict profile. */
  start(options: WorkerOptions): void {
    const { message, bytes } = startMessage(this.number, options)
    this.send(message, bytes)
  }

  async ready(): Promise<Message> {
    const message = await this.inbox.find(
      ({ type, id }) => type === 'ready' || (type === 'error' && id === undefined),
    )
    if (message.type === 'error')
      throw new Error(`${message.code}: ${message.message}\n${message.stack ?? ''}`)
    return message
  }

  /** Starts an invocation; `done` of what it returns resolves when the worker has finished it. */
  begin(options: InvokeOptions = {}): Running {
    const running = new Running(this, this.#nextId++, options)
    this.#running.set(running.id, running)
    if (this.#gone) running.closed()
    else running.start()
    return running
  }

  invoke(options: InvokeOptions = {}): Promise<InvokeResult> {
    return this.begin(options).result
  }

  /** Invokes with a path, and takes the body as JSON. */
  async json(path = '/', options: InvokeOptions = {}): Promise<unknown> {
    const result = await this.invoke({ url: `http://localhost${path}`, ...options })
    if (result.error !== undefined)
      throw new Error(`${result.error.code}: ${result.error.message}\n${result.error.stack ?? ''}`)
    return JSON.parse(result.text)
  }

  close(): void {
    this.#socket?.terminate()
  }
}

function startMessage(
  worker: number,
  options: WorkerOptions,
): { message: object; bytes: Uint8Array } {
  const capabilities = capabilitiesSchema.parse({
    allowFilesystem: false,
    allowedPaths: [],
    allowNetwork: false,
    allowedDomains: [],
    allowChildProcess: false,
    allowEval: false,
    maxMemory: 100 * MB,
    maxCpu: 30_000,
    maxFileDescriptors: 10,
    projectId: 'default',
    ...options.capabilities,
  })
  const details = {
    function: 'probe',
    function_id: 'func-probe',
    project: 'default',
    version: 'v1',
    handler: options.handler ?? 'default',
    env: options.env ?? {},
    ...options.details,
  }
  const bytes = Buffer.concat([
    Buffer.from(`${asciiJson(details)}\n`, 'latin1'),
    Buffer.from(options.bundle),
  ])
  const limits = {
    memory_bytes: capabilities.maxMemory,
    cpu_ms: capabilities.maxCpu,
    fds: capabilities.maxFileDescriptors,
    load_ms: 10_000,
    load_cpu_ms: 5_000,
    background_ms: 30_000,
    background_cpu_percent: 10,
    ...options.limits,
  }
  const message = { type: 'start', protocol: 2, worker, limits, capabilities, bytes: bytes.length }
  return { message, bytes }
}
