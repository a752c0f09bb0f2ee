/** node:child_process: spawn and execFile. A child process ends with the request that started it. */

import * as native from 'fn:process'
import { Buffer } from 'node:buffer'
import { EventEmitter } from 'node:events'
import { Readable, Writable } from 'node:stream'

type Stdio = 'pipe' | 'ignore' | 'inherit' | null | undefined

interface SpawnOptions {
  cwd?: string | URL
  env?: Record<string, string | undefined>
  argv0?: string
  stdio?: Stdio | Stdio[]
  timeout?: number
  killSignal?: string | number
  signal?: AbortSignal
}

const SIGNALS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGSYS: 31,
}
const DEFAULT_ENV = { PATH: '/usr/local/bin:/usr/bin:/bin' }
const MAX_BUFFER_BYTES = 1024 * 1024

function numberOf(signal: string | number): number {
  const number = typeof signal === 'number' ? signal : SIGNALS[signal]
  if (number === undefined) throw new TypeError(`Unknown signal: ${signal}`)
  return number
}

const nameOf = (signal: number) =>
  Object.keys(SIGNALS).find((name) => SIGNALS[name] === signal) ?? `SIG${signal}`

export class ChildProcess extends EventEmitter {
  readonly spawnfile: string
  readonly spawnargs: string[]
  stdin: Writable | null = null
  stdout: Readable | null = null
  stderr: Readable | null = null
  pid: number | undefined
  exitCode: number | null = null
  signalCode: string | null = null
  killed = false
  #program: native.Program | undefined
  /** The two outputs and the exit: `close` is emitted after all of them. */
  #open = 3
  readonly #written: ((error?: Error) => void)[] = []
  readonly #outputs: [Readable | undefined, Readable | undefined] = [undefined, undefined]

  constructor(file: string, args: string[]) {
    super()
    this.spawnfile = file
    this.spawnargs = args
  }

  /** @throws the error of the system, which `spawn` turns into an event */
  start(options: SpawnOptions): void {
    const env = Object.entries(options.env ?? DEFAULT_ENV)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${value}`)
    const cwd = options.cwd instanceof URL ? options.cwd.pathname : options.cwd
    const words = [options.argv0 ?? this.spawnfile, ...this.spawnargs]
    const program = native.spawn(this.spawnfile, words, env, cwd, (...event) => this.#on(...event))
    this.#program = program
    this.pid = native.pid(program)
    this.#connect(program, options.stdio)
  }

  #connect(program: native.Program, stdio: Stdio | Stdio[]): void {
    const kinds = Array.isArray(stdio) ? stdio : [stdio, stdio, stdio]
    if ((kinds[0] ?? 'pipe') === 'pipe') {
      this.stdin = this.#makeInput(program)
    } else {
      native.end(program)
    }
    for (const which of [1, 2] as const) {
      const kind = kinds[which] ?? 'pipe'
      const output = new Readable({ read: () => native.read(program, which) })
      this.#outputs[which - 1] = output
      if (kind === 'pipe') {
        this[which === 1 ? 'stdout' : 'stderr'] = output
      } else {
        const log = which === 1 ? console.log : console.error
        output.on('data', (chunk) => {
          if (kind === 'inherit') log(String(chunk).replace(/\n$/, ''))
        })
      }
    }
  }

  #makeInput(program: native.Program): Writable {
    const input = new Writable({
      write: (chunk, _encoding, done) => {
        try {
          native.write(program, chunk)
          this.#written.push(done)
        } catch (error) {
          done(error as Error)
        }
      },
      final: (done) => {
        native.end(program)
        done()
      },
      destroy: (error, done) => {
        native.end(program)
        done(error)
      },
    })
    // It is not an error if a program ends before it has read all of its input.
    input.on('error', (error) => {
      if ((error as { code?: string }).code !== 'EPIPE') this.emit('error', error)
    })
    return input
  }

  #on(what: string, first: unknown, second: unknown): void {
    if (what === 'written') {
      const failed = first as number
      const error =
        failed < 0 ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : undefined
      this.#written.shift()?.(error)
    } else if (what === 'exit') {
      const signal = second as number
      this.exitCode = signal === 0 ? (first as number) : null
      this.signalCode = signal === 0 ? null : nameOf(signal)
      this.emit('exit', this.exitCode, this.signalCode)
      // An output that nobody reads must not keep the process from closing.
      for (const output of this.#outputs) {
        if (output?.readableFlowing === null && output.listenerCount('readable') === 0) {
          output.resume()
        }
      }
      this.#closed()
    } else {
      const which = what === 'stdout' ? 1 : 2
      const output = this.#outputs[which - 1]
      if (first === null) {
        output?.push(null)
        this.#closed()
      } else if (output?.push(Buffer.from(first as Uint8Array)) === false) {
        native.pause(this.#program as native.Program, which)
      }
    }
  }

  #closed(): void {
    this.#open--
    if (this.#open === 0) this.emit('close', this.exitCode, this.signalCode)
  }

  kill(signal: string | number = 'SIGTERM'): boolean {
    const sent = this.#program !== undefined && native.kill(this.#program, numberOf(signal))
    this.killed ||= sent
    return sent
  }

  ref(): void {}
  unref(): void {}
}

function toArgs<T extends object>(args: readonly string[] | T | undefined, options?: T) {
  return Array.isArray(args)
    ? ([args.map(String), options ?? ({} as T)] as [string[], T])
    : ([[], (args as T | undefined) ?? options ?? ({} as T)] as [string[], T])
}

export function spawn(
  file: string,
  args?: readonly string[] | SpawnOptions,
  given?: SpawnOptions,
): ChildProcess {
  const [words, options] = toArgs(args, given)
  if ('shell' in options && options.shell)
    throw new TypeError('spawn: the option shell is not supported')
  const child = new ChildProcess(file, words)
  const stop = () => child.kill(options.killSignal)
  options.signal?.throwIfAborted()
  try {
    child.start(options)
  } catch (error) {
    queueMicrotask(() => child.emit('error', error))
    return child
  }
  queueMicrotask(() => child.emit('spawn'))
  options.signal?.addEventListener('abort', () => {
    if (stop()) child.emit('error', options.signal?.reason)
  })
  if (options.timeout) {
    const timer = setTimeout(stop, options.timeout)
    child.once('exit', () => clearTimeout(timer))
  }
  return child
}

interface ExecOptions extends SpawnOptions {
  encoding?: string | null
  maxBuffer?: number
}

type Output = string | Buffer
type Done = (error: Error | null, stdout: Output, stderr: Output) => void

export function execFile(
  file: string,
  args?: readonly string[] | ExecOptions | Done,
  given?: ExecOptions | Done,
  last?: Done,
): ChildProcess {
  const done = [args, given, last].find((value) => typeof value === 'function') as Done | undefined
  const notDone = (value: unknown) => (typeof value === 'function' ? undefined : value)
  const [words, options] = toArgs(
    notDone(args) as readonly string[] | ExecOptions | undefined,
    notDone(given) as ExecOptions | undefined,
  )
  const { maxBuffer = MAX_BUFFER_BYTES, encoding = 'utf8', ...rest } = options
  const child = spawn(file, words, { ...rest, stdio: 'pipe' })
  const parts: [Buffer[], Buffer[]] = [[], []]
  let failure: Error | undefined
  for (const [i, output] of [child.stdout, child.stderr].entries()) {
    let bytes = 0
    output?.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBuffer) {
        parts[i as 0 | 1].push(chunk)
      } else if (failure === undefined) {
        const code = 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER'
        failure = Object.assign(new RangeError('An output is longer than maxBuffer'), { code })
        child.kill('SIGKILL')
      }
    })
  }
  child.stdin?.end()
  const outputs = () =>
    parts.map((list) => {
      const whole = Buffer.concat(list)
      return encoding === null || encoding === 'buffer'
        ? whole
        : whole.toString(encoding as BufferEncoding)
    }) as [Output, Output]
  let over = false
  const finish = (error: Error | null) => {
    if (!over) {
      over = true
      done?.(error, ...outputs())
    }
  }
  child.once('error', finish)
  child.once('close', (code, signal) => {
    const ended = code === 0 ? null : new Error(`Command failed: ${[file, ...words].join(' ')}`)
    const details = { code: code ?? null, killed: child.killed, signal, cmd: file }
    finish(failure ?? (ended && Object.assign(ended, details)))
  })
  return child
}

/** For `util.promisify`: both outputs, also on the error. */
Object.defineProperty(execFile, Symbol.for('nodejs.util.promisify.custom'), {
  value: (file: string, args?: readonly string[] | ExecOptions, options?: ExecOptions) =>
    new Promise((resolve, reject) => {
      execFile(file, args, options, (error, stdout, stderr) =>
        error === null
          ? resolve({ stdout, stderr })
          : reject(Object.assign(error, { stdout, stderr })),
      )
    }),
})

export default { ChildProcess, execFile, spawn }
