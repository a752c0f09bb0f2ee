/** Starts a real zygote and speaks the real protocol with its workers, without a pool. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Socket, Subprocess } from 'bun'
import { connectFd } from '../../src/worker/protocol/connect-fd.ts'
import { encodeLine } from '../../src/worker/protocol/encode.ts'
import { Frames, Inbox, type Message } from './frames.ts'
import { TestWorker, type WorkerOptions } from './test-worker.ts'

const BIN = join(import.meta.dir, '../../.build/bin')
const WORKER = process.env.FUNCTIONS_TEST_WORKER ?? join(BIN, 'quickjs-worker')
const LAUNCHER = process.env.FUNCTIONS_TEST_LAUNCHER ?? join(BIN, 'functions-launcher')

/** Started as root, the launcher needs an unprivileged user. */
const USER = process.getuid?.() === 0 ? ['--uid', '65534', '--gid', '65534'] : []

/** The worker under test was built with sanitizers: it is slow, and has no limit on address space. */
export const SANITIZED = process.env.FUNCTIONS_TEST_SANITIZED === '1'

const SANITIZED_CPU_MS = 600_000

/** A zygote (`quickjs-worker --template`) started by the launcher, and its control channel. */
export class TestZygote {
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
    this.socketPath = join(directory, 'zygote.sock')
  }

  static async start(flags: string[] = []): Promise<TestZygote> {
    if (!existsSync(WORKER)) throw new Error(`${WORKER} is missing: run scripts/build.sh`)
    const directory = mkdtempSync(join(tmpdir(), 'functions-worker-'))
    const process = Bun.spawn(
      [
        LAUNCHER,
        ...USER,
        '--listen-dir',
        directory,
        '--listen-name',
        'zygote.sock',
        ...flags,
        '--',
        WORKER,
        '--template',
        // Workers without capabilities are sealed as well.
        '--any-file',
      ],
      { env: {}, stdio: ['ignore', 'inherit', 'inherit', 'socket-fd'] },
    )
    let zygote: TestZygote | undefined
    const early: Uint8Array[] = []
    const frames = new Frames((message) => zygote?.inbox.push(message))
    const channel = await connectFd(process.stdio[3] as number, undefined, {
      data(_socket, data) {
        if (zygote === undefined) early.push(new Uint8Array(data))
        else frames.push(data)
      },
      close: () => zygote?.inbox.close(),
    })
    zygote = new TestZygote(process, directory, channel)
    for (const data of early) frames.push(data)
    await zygote.inbox.find(({ type }) => type === 'listening')
    return zygote
  }

  /** The zygote's own pid on the host; the launcher is its parent. */
  get pid(): number {
    return this.inbox.all.find(({ type }) => type === 'launched')?.pid as number
  }

  /** A connection on which nothing was sent yet. */
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
    // The default of the zygote is ten seconds, and a build with sanitizers is several times slower.
    if (SANITIZED) this.send({ type: 'limit', worker: worker.number, cpu_ms: SANITIZED_CPU_MS })
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

  /** Closes the zygote's channel, so that it ends, and all its workers with it. */
  async close(): Promise<void> {
    for (const worker of this.#workers) worker.close()
    this.#channel.terminate()
    await this.process.exited
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

export function startZygote(flags?: string[]): Promise<TestZygote> {
  return TestZygote.start(flags)
}
