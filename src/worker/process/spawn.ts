/** Starts processes through functions-launcher, each with a channel on its descriptor 3. */
import { constants } from 'node:os'
import type { Subprocess } from 'bun'
import { FunctionError } from '../../errors.ts'

/** Time that the supervisor has to exit after its program, ms. Then it is killed as well. */
const SUPERVISOR_MS = 1000
/** A longer line that a process prints is cut, characters. */
const MAX_PRINTED_LINE = 8192
/** After a read of at least this size, reading pauses, so that a process that prints a lot has to wait. */
const PRINT_BURST_BYTES = 32 * 1024
const PRINT_PAUSE_MS = 50

/** What the launcher starts. It sets up the sandbox as well. */
export interface LaunchOptions {
  launcherPath: string
  /** The unprivileged user to become; undefined if the service itself has no privileges. */
  sandboxUid: number | undefined
  /** An empty directory. */
  cwd: string
  /** Further flags: limits, environment, what to listen on. */
  flags: string[]
  program: string[]
  /** @param cpuUs CPU time of the program, with the processes that it started */
  onExit(status: number, signal: number, cpuUs: number): void
}

export interface Launched {
  process: Subprocess<'ignore', 'pipe', 'pipe'>
  /** The host's end of the channel. The caller connects it, and so owns it. */
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
      onExit: (process, status, signal) => {
        const cpuUs = Number(process.resourceUsage()?.cpuTime.total ?? 0)
        options.onExit(status ?? 0, signalNumber(status, signal), cpuUs)
      },
    },
  )
  const channelFd = process.stdio[3]
  if (typeof channelFd !== 'number') throw new Error('the channel of a process has no descriptor')
  return { process, channelFd }
}

/**
 * Ends a launched process at once. The program itself is killed, so that its supervisor reaps it and
 * exits with the same status. If the supervisor were killed first, pid 1 would have to reap the program.
 *
 * @param pid the pid of the program, once it is known
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
    // Gone already, or run by a user that this process may not signal: its supervisor kills it.
    return false
  }
}

/** The error for a launcher that could not be executed. */
export function launcherMissing(cause: unknown): FunctionError {
  const message =
    'The launcher (functions-launcher) could not be started. Check that the installation is complete and that its files can be executed.'
  return new FunctionError('WORKER_START_FAILED', message, { cause })
}

const SEE_DOCTOR = "Run 'functions doctor' to see which layers this machine has."

/** Failures that say more than the name of a step, with what to do. */
const KNOWN_FAILURES: Record<string, string> = {
  'untrusted link':
    'a symbolic link in an allowed path belongs to the user of the workers, so a function may have made it, and it is not followed. Remove the link, or make another user its owner. The log names it.',
  proc: "the kernel allows no /proc for this worker, and Bun needs one. Parts of the service's own /proc are covered, as container engines do: uncover them (systempaths=unconfined), or run the service as root with CAP_SYS_ADMIN.",
}

/**
 * The error for a `launch-failed` message. It names no path of the host, because a client sees it.
 * The path is on the launcher's standard error, which goes to the service log, or, for a Bun worker,
 * to the log of its function.
 */
export function launchFailure(what: string, errno: string): FunctionError {
  const why = KNOWN_FAILURES[what] ?? `${what} (${errno}). ${SEE_DOCTOR}`
  const message = `The sandbox could not be set up: ${why}`
  return new FunctionError('SANDBOX_UNAVAILABLE', message)
}

/** Reads what a process prints, line by line, at a limited rate. */
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
    // A process that prints faster than this blocks in its own write.
    if (bytes.length >= PRINT_BURST_BYTES) await Bun.sleep(PRINT_PAUSE_MS)
  }
  if (text !== '') onLine(text)
}

/** The supervisor reports how the program ended: by the same signal, or as status 128 + its number. */
function signalNumber(status: number | null, signal: string | number | null): number {
  if (typeof signal === 'number') return signal
  if (signal !== null) return constants.signals[signal as keyof typeof constants.signals] ?? 0
  return status !== null && status > 128 && status <= 192 ? status - 128 : 0
}
