/** Starts processes through functions-launcher, each with a channel on its descriptor 3. */
import { constants } from 'node:os'
import type { Subprocess } from 'bun'
import { FunctionError } from '../../errors.ts'

/** So long a supervisor has to follow its program. */
const SUPERVISOR_MS = 1000
const MAX_PRINTED_LINE = 8192
const PRINT_BURST_BYTES = 32 * 1024
const PRINT_PAUSE_MS = 50

/** What the launcher is asked for; it does the rest, sandbox included. */
export interface LaunchOptions {
  launcherPath: string
  /** The unprivileged user to become; undefined where the service itself has no privileges. */
  sandboxUid: number | undefined
  /** An empty directory. */
  cwd: string
  /** Further flags: limits, environment, what to listen on. */
  flags: string[]
  program: string[]
  onExit(status: number, signal: number): void
}

export interface Launched {
  process: Subprocess<'ignore', 'pipe', 'pipe'>
  /** Our end of its channel. Whoever connects it closes it. */
  channelFd: number
}

export function launch(options: LaunchOptions): Launched {
  const user =
    options.sandboxUid === undefined
      ? []
      : ['--uid', `${options.sandboxUid}`, '--gid', `${options.sandboxUid}`]
  const process = Bun.spawn(
    [options.launcherPath, ...user, ...options.flags, '--', ...options.program],
    {
      cwd: options.cwd,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe', 'socket-fd'],
      onExit: (_process, status, signal) =>
        options.onExit(status ?? 0, signalNumber(status, signal)),
    },
  )
  const channelFd = process.stdio[3]
  if (typeof channelFd !== 'number') throw new Error('the channel of a process has no descriptor')
  return { process, channelFd }
}

/**
 * Ends a launched process at once. The program itself is killed, so that its supervisor reaps it and
 * ends as it did; killed first, the supervisor would leave that to whoever is pid 1.
 *
 * @param pid the program's, once it is known
 */
export function endProcess(launched: Launched, pid: number | undefined): void {
  const supervisor = launched.process
  if (pid === undefined || !kill(pid)) {
    supervisor.kill('SIGKILL')
    return
  }
  const timer = setTimeout(() => supervisor.kill('SIGKILL'), SUPERVISOR_MS)
  void supervisor.exited.then(() => clearTimeout(timer))
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already, or of a user that is not ours to signal: its supervisor takes it along.
    return false
  }
}

/**
 * SANDBOX_UNAVAILABLE, with what was refused. Paths of the host stay in the log that the
 * launcher's standard error goes to: the service's, or the function's own for a Bun worker.
 */
export function launchFailure(what: string, errno: string): FunctionError {
  const why =
    what === 'untrusted link'
      ? "a link on the way to an allowed path belongs to the workers' user, and is not followed, as a function may have made it: remove it, or make its owner another user; the log names it"
      : `the launcher failed: ${what} (${errno})`
  return new FunctionError('SANDBOX_UNAVAILABLE', why)
}

/** Reads what a process prints, line by line, as fast as may be. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true })
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) onLine(line.slice(0, MAX_PRINTED_LINE))
    if (text.length > MAX_PRINTED_LINE) {
      onLine(text.slice(0, MAX_PRINTED_LINE))
      text = ''
    }
    // Whoever prints faster than this waits in its own write.
    if (bytes.length >= PRINT_BURST_BYTES) await Bun.sleep(PRINT_PAUSE_MS)
  }
  if (text !== '') onLine(text)
}

/** The supervisor passes on how the program ended: by the same signal, or as 128 + its number. */
function signalNumber(status: number | null, signal: string | number | null): number {
  if (typeof signal === 'number') return signal
  if (signal !== null) return constants.signals[signal as keyof typeof constants.signals] ?? 0
  return status !== null && status > 128 && status <= 192 ? status - 128 : 0
}
