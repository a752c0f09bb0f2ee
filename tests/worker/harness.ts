/** Starts a real template and speaks the real protocol with its workers, without the pool in between. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Socket, Subprocess } from 'bun'
import { type Capabilities, capabilitiesSchema } from '../../src/capabilities/schema.ts'
import { asciiJson, encodeLine } from '../../src/worker/encode.ts'
import { type InvokeOptions, type InvokeResult, Running } from './running.ts'

const BIN = join(import.meta.dir, '../../.build/bin')
const WORKER = process.env.FUNCTIONS_TEST_WORKER ?? join(BIN, 'quickjs-worker')
const LAUNCHER = process.env.FUNCTIONS_TEST_LAUNCHER ?? join(BIN, 'functions-launcher')
const MB = 1024 * 1024

/** The worker under test was built with sanitizers: it is slow, and has no limit on address space. */
export const SANITIZED = process.env.FUNCTIONS_TEST_SANITIZED === '1'

/** One message of the protocol, as it came. */
export interface Message {
  type: string
  id?: number
  [key: string]: unknown
}

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
  }
  /** What the service would know the function by. */
  details?: { function?: string; version?: string; project?: string }
}

/** Resolves as soon as `check` gives a value; the caller's test bounds the wait. */
class Inbox {
  readonly all: Message[] = []
  #waiting: (() => void)[] = []
  closed = false

  push(message: Message): void {
    this.all.push(message)
    this.#wake()
  }

  close(): void {
    this.closed = true
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const look of waiting) look()
  }

  async find(check: (message: Message) => boolean): Promise<Message> {
    for (let at = 0; ; at++) {
      while (at >= this.all.length) {
        if (this.closed) throw new Error(`the channel closed; it said ${JSON.stringify(this.all)}`)
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      }
      const message = this.all[at]
      if (message !== undefined && check(message)) return message
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

/** Writes everything in order, however much the socket takes at a time. */
class Outbox {
  readonly #queue: Uint8Array[] = []
  #socket: Socket<undefined> | undefined

  attach(socket: Socket<undefined>): void {
    this.#socket = socket
    this.drain()
  }

  send(bytes: Uint8Array): void {
    this.#queue.push(bytes)
    this.drain()
  }

  drain(): void {
    while (this.#socket !== undefined) {
      const first = this.#queue[0]
      if (first === undefined) return
      const written = this.#socket.write(first)
      if (written < first.length) {
        this.#queue[0] = first.subarray(Math.max(0, written))
        return
      }
      this.#queue.shift()
    }
  }
}

type Deliver = (message: Message, bytes: Uint8Array) => void

/** Cuts the stream of a worker into frames; strict only as far as a test needs it. */
class Frames {
  #buffer: Buffer = Buffer.alloc(0)
  readonly #deliver: Deliver

  constructor(deliver: Deliver) {
    this.#deliver = deliver
  }

  push(data: Uint8Array): void {
    this.#buffer =
      this.#buffer.length === 0 ? Buffer.from(data) : Buffer.concat([this.#buffer, data])
    for (;;) {
      const newline = this.#buffer.indexOf(10)
      if (newline === -1) return
      const line = this.#buffer.toString('latin1', 0, newline)
      if (/[^\x20-\x7e]/.test(line)) throw new Error(`a line that is not printable ASCII: ${line}`)
      const message = JSON.parse(line) as Message
      const hasPayload = message.type === 'response' || message.type === 'chunk'
      const bytes = hasPayload ? ((message.bytes as number | undefined) ?? 0) : 0
      const end = newline + 1 + bytes
      if (this.#buffer.length < end) return
      const payload = new Uint8Array(this.#buffer.subarray(newline + 1, end))
      this.#buffer = this.#buffer.subarray(end)
      this.#deliver(message, payload)
    }
  }
}

/** One connection to a template: one forked worker. */
export class TestWorker {
  readonly inbox = new Inbox()
  readonly #outbox = new Outbox()
  readonly #running = new Map<number, Running>()
  #socket: Socket<undefined> | undefined
  #nextId = 1
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
    if (message.id !== undefined) this.#running.get(message.id)?.take(message, bytes)
  }

  #closed(): void {
    this.inbox.close()
    for (const running of this.#running.values()) running.closed()
  }

  send(message: object, bytes?: Uint8Array): void {
    const line = Buffer.from(encodeLine(message), 'latin1')
    this.#outbox.send(bytes === undefined ? line : Buffer.concat([line, bytes]))
  }

  sendRaw(bytes: Uint8Array | string): void {
    this.#outbox.send(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The `start` message of a function; what `options` leaves out is that of the strict profile. */
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

  /** Starts an invocation; `done` of what it returns resolves when the worker is through with it. */
  begin(options: InvokeOptions = {}): Running {
    const running = new Running(this, this.#nextId++, options)
    this.#running.set(running.id, running)
    running.start()
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
    ...options.limits,
  }
  const message = { type: 'start', protocol: 1, worker, limits, capabilities, bytes: bytes.length }
  return { message, bytes }
}

/** A `quickjs-worker --template` behind the launcher, and its own channel. */
export class TestTemplate {
  readonly inbox = new Inbox()
  readonly process: Subprocess
  readonly socketPath: string
  readonly #directory: string
  readonly #channel: Socket<undefined>
  readonly #workers: TestWorker[] = []

  private constructor(process: Subprocess, directory: string, channel: Socket<undefined>) {
    this.process = process
    this.#directory = directory
    this.#channel = channel
    this.socketPath = join(directory, 'template.sock')
  }

  static async start(flags: string[] = []): Promise<TestTemplate> {
    if (!existsSync(WORKER)) throw new Error(`${WORKER} is missing: run scripts/build.sh`)
    const directory = mkdtempSync(join(tmpdir(), 'functions-worker-'))
    const process = Bun.spawn(
      [
        LAUNCHER,
        '--listen-dir',
        directory,
        '--listen-name',
        'template.sock',
        ...flags,
        '--',
        WORKER,
        '--template',
      ],
      { env: {}, stdio: ['ignore', 'inherit', 'inherit', 'socket-fd'] },
    )
    let template: TestTemplate | undefined
    const early: Uint8Array[] = []
    const frames = new Frames((message) => template?.inbox.push(message))
    const channel = await Bun.connect<undefined>({
      fd: process.stdio[3],
      socket: {
        data: (_socket, data) =>
          template === undefined ? early.push(new Uint8Array(data)) : frames.push(data),
        close: () => template?.inbox.close(),
      },
    } as unknown as Bun.UnixSocketOptions<undefined>)
    template = new TestTemplate(process, directory, channel)
    for (const data of early) frames.push(data)
    await template.inbox.find(({ type }) => type === 'listening')
    return template
  }

  /** The host's pid of the template itself, behind the launcher. */
  get pid(): number {
    return this.inbox.all.find(({ type }) => type === 'launched')?.pid as number
  }

  /** A connection on which nothing was said yet. */
  async connect(): Promise<TestWorker> {
    const worker = await TestWorker.connect(this.socketPath)
    this.#workers.push(worker)
    return worker
  }

  /** A worker that has loaded its bundle. */
  async worker(options: WorkerOptions): Promise<TestWorker> {
    const worker = await this.connect()
    worker.start(options)
    await worker.ready()
    return worker
  }

  /** The error with which a bundle does not load. */
  async loadError(options: WorkerOptions): Promise<Message> {
    const worker = await this.connect()
    worker.start(options)
    return worker.inbox.find(({ type, id }) => type === 'error' && id === undefined)
  }

  exited(worker: TestWorker): Promise<Message> {
    return this.inbox.find(
      (message) => message.type === 'exited' && message.worker === worker.number,
    )
  }

  send(message: object): void {
    this.#channel.write(encodeLine(message))
  }

  sendRaw(line: string): void {
    this.#channel.write(line)
  }

  /** Closes the template's channel: it is to end, and all its workers with it. */
  async close(): Promise<void> {
    for (const worker of this.#workers) worker.close()
    this.#channel.terminate()
    await this.process.exited
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

export function startTemplate(flags?: string[]): Promise<TestTemplate> {
  return TestTemplate.start(flags)
}
