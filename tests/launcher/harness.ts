/** Starts programs through the real functions-launcher, as root and as an ordinary user. */
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Socket, UnixSocketOptions } from 'bun'

const ROOT = resolve(import.meta.dir, '../..')
const BUILT = process.env.FUNCTIONS_TEST_LAUNCHER ?? join(ROOT, '.build/bin/functions-launcher')

/** The uid of the ordinary user in tests. It needs no entry in /etc/passwd. */
export const ORDINARY_ID = 61_234
/** The user that a launcher started as root becomes. */
export const TENANT_ID = 61_235

export const isRoot = process.getuid?.() === 0

/** The user that starts the launcher. */
export type Starter = 'root' | 'user'
export const starters: Starter[] = isRoot ? ['root', 'user'] : ['user']

// A copy that every user may read: the project may be in a directory that only root may enter.
const folder = mkdtempSync(join(tmpdir(), 'functions-launcher-'))
chmodSync(folder, 0o755)
export const LAUNCHER = join(folder, 'functions-launcher')
copyFileSync(BUILT, LAUNCHER)
chmodSync(LAUNCHER, 0o755)
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

export interface LaunchOptions {
  starter?: Starter
  /** Flags of the launcher; as root, --uid and --gid are added unless `bare`. */
  flags?: string[]
  bare?: boolean
  /** A command that the launcher is started through, which ends by exec'ing its arguments. */
  through?: string[]
  env?: Record<string, string>
  /** Further pipes that the launcher inherits, from descriptor 4 on. */
  leaked?: number
}

export interface Line {
  type: string
  pid?: number
  layers?: string[]
  what?: string
  errno?: string
}

/** A launch that has begun. */
export class Launch {
  readonly process: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  /** Resolves when the other end of the channel is closed. */
  readonly channelClosed: Promise<void>
  #channel: Promise<Socket<undefined>>
  #received = ''

  constructor(program: string[], options: LaunchOptions) {
    const starter = options.starter ?? (isRoot ? 'root' : 'user')
    const drop = [
      'setpriv',
      `--reuid=${ORDINARY_ID}`,
      `--regid=${ORDINARY_ID}`,
      '--clear-groups',
      '--',
    ]
    const identity = ['--uid', `${TENANT_ID}`, '--gid', `${TENANT_ID}`]
    const command = [
      ...(starter === 'user' && isRoot ? drop : []),
      ...(options.through ?? []),
      LAUNCHER,
      ...(starter === 'root' && !options.bare ? identity : []),
      ...(options.flags ?? []),
      ...(program.length > 0 ? ['--', ...program] : []),
    ]
    const leaked = Array.from({ length: options.leaked ?? 0 }, () => 'pipe' as const)
    this.process = Bun.spawn(command, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...leaked],
      env: { PATH: process.env.PATH ?? '', LEAKED: 'from the host', ...options.env },
    }) as Bun.Subprocess<'ignore', 'pipe', 'pipe'>
    const { promise, resolve: closed } = Promise.withResolvers<void>()
    this.channelClosed = promise
    const socket = {
      data: (_: Socket<undefined>, data: Buffer) => {
        this.#received += data.toString()
      },
      close: () => closed(),
    }
    // A unix socket by its descriptor: Bun supports it, but its types do not.
    const target = { fd: this.process.stdio[3], socket }
    this.#channel = Bun.connect(target as unknown as UnixSocketOptions<undefined>)
  }

  /** Writes to the program's descriptor 3. */
  async say(text: string): Promise<void> {
    const channel = await this.#channel
    channel.write(text)
  }

  /** The lines on the channel so far. */
  get lines(): Line[] {
    return this.#received
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)
  }

  /** Waits for a line of this type. */
  async line(type: string): Promise<Line> {
    await until(`a line of type ${type}`, () => this.lines.some((line) => line.type === type))
    return this.lines.find((line) => line.type === type) as Line
  }

  /** Waits for the end: status, output, and the lines on the channel. */
  async end(): Promise<{ status: number | null; signal: string | null; stdout: string }> {
    const stdout = await new Response(this.process.stdout).text()
    await this.process.exited
    await this.channelClosed
    return {
      status: this.process.exitCode,
      signal: this.process.signalCode as string | null,
      stdout,
    }
  }
}

export function launch(program: string[], options: LaunchOptions = {}): Launch {
  return new Launch(program, options)
}

/** Runs a shell script through the launcher and returns its output. The script must succeed. */
export async function output(script: string, options: LaunchOptions = {}): Promise<string> {
  const launched = launch(['/bin/sh', '-c', script], options)
  const { status, stdout } = await launched.end()
  if (status !== 0) {
    throw new Error(`status ${status}: ${JSON.stringify(launched.lines)}`)
  }
  return stdout
}

/** A value of /proc/PID/status. */
export function statusField(text: string, name: string): string {
  const line = text.split('\n').find((row) => row.startsWith(`${name}:`))
  return line?.slice(name.length + 1).trim() ?? ''
}

/** @returns whether this process runs (a zombie does not) */
export function runs(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) {
    return false
  }
  try {
    return !statusField(readFileSync(`/proc/${pid}/status`, 'utf8'), 'State').startsWith('Z')
  } catch {
    return false
  }
}

/** Polls until the condition holds. A failure names the condition. */
export async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!holds()) {
    if (Date.now() > end) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}`)
    }
    await Bun.sleep(5)
  }
}

async function userNamespacesWork(): Promise<boolean> {
  const probe = launch(['/bin/true'], { starter: 'user', flags: ['--pid-namespace', 'required'] })
  return (await probe.end()).status === 0
}

/** Whether this machine allows namespaces to an ordinary user. */
export const userNamespaces = await userNamespacesWork()
