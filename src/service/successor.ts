/** Starts the process that takes over from this service, and hands over to it step by step. */
import type { Subprocess } from 'bun'
import { SECRET_KEY_VARIABLE, SUCCESSOR_VARIABLE } from '../config/keys.ts'
import { FunctionError } from '../errors.ts'
import { killGroup } from '../lib/process-group.ts'
import { HandOverPeer, PeerGone } from './hand-over-peer.ts'

/** What the service does for a hand-over. */
export interface HandOverSteps {
  /** Lets no change of functions begin; resolves when the running ones are over. */
  pauseChanges(): Promise<void>
  releaseLock(): void
  stopAccepting(): void
  /** The successor is the service now. */
  continuesIn(pid: number): void
  /** Undoes the steps that were done: this service goes on. */
  undo(): Promise<void>
}

export interface HandOverOptions {
  /** The program to start, with this service's arguments. */
  executable: string
  host: string
  port: number
  dataDir: string
  installed: string
  secretKey: string | undefined
  listenerFd: number
  /** The management API over TCP: its setting and its socket. */
  management: { listen: string; fd: number } | undefined
  /** Time from the start of the process until it is ready, ms. */
  timeoutMs: number
  /** Aborts the hand-over. */
  signal: AbortSignal
}

/**
 * Starts `executable` and hands over to it. When it fails, the process is killed with all that it started, and nothing
 * is changed.
 *
 * @returns pid and release of the process that is the service now
 * @throws {FunctionError} RESTART_FAILED; SHUTTING_DOWN if `signal` aborted it
 */
export async function handOver(
  options: HandOverOptions,
  steps: HandOverSteps,
): Promise<{ pid: number; release: string }> {
  let child: Child
  try {
    child = start(options)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw failure(`${options.executable} cannot be executed (${code ?? message})`, cause)
  }
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new Error(`it was not ready within ${options.timeoutMs} ms`)),
    options.timeoutMs,
  )
  const stop = () => late.reject(stopping())
  options.signal.addEventListener('abort', stop)
  late.promise.catch(() => {})
  try {
    const release = await exchange(child, options, steps, late.promise)
    return { pid: child.pid, release }
  } catch (cause) {
    killGroup(child.pid)
    await child.exited
    await steps.undo()
    throw options.signal.aborted ? stopping() : failure((cause as Error).message, cause)
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', stop)
  }
}

type Child = Subprocess<'ignore', 'inherit', 'inherit'>

function start({
  executable,
  installed,
  secretKey,
  listenerFd,
  management,
}: HandOverOptions): Child {
  const [, script = ''] = process.argv
  // A compiled executable has its main module inside.
  const main = script.startsWith('/$bunfs/') ? [] : [script]
  const { WATCHDOG_PID: _, ...environment } = process.env
  return Bun.spawn([executable, ...main, ...process.argv.slice(2)], {
    // What tools show as its command. The executable of an upgrade has a name for the moment only.
    argv0: installed,
    cwd: process.cwd(),
    env: {
      ...environment,
      ...(secretKey !== undefined && { [SECRET_KEY_VARIABLE]: secretKey }),
      [SUCCESSOR_VARIABLE]: '1',
    },
    stdio: [
      'ignore',
      'inherit',
      'inherit',
      listenerFd,
      'socket-fd',
      ...(management === undefined ? [] : [management.fd]),
    ] as ['ignore', 'inherit', 'inherit', number, 'socket-fd'],
    // A process that a wrapper script left behind would keep the listening socket open.
    detached: true,
  })
}

async function exchange(
  child: Child,
  { host, port, dataDir, installed, management }: HandOverOptions,
  steps: HandOverSteps,
  late: Promise<never>,
): Promise<string> {
  const peer = await HandOverPeer.connect(child.stdio[4] as unknown as number)
  const over = Promise.race([late, failed(child, peer)])
  over.catch(() => {})
  // When the connection ends, the exit status says more.
  const within = <T>(step: Promise<T>) =>
    Promise.race([
      step.catch((error) => (error instanceof PeerGone ? over : Promise.reject(error))),
      over,
    ])
  const adminListen = management?.listen
  peer.send({ type: 'begin', host, port, dataDir, installed, adminListen })
  await within(peer.receive('prepared'))
  await within(steps.pauseChanges())
  steps.releaseLock()
  peer.send({ type: 'take' })
  await within(peer.receive('adopted'))
  steps.stopAccepting()
  peer.send({ type: 'alone' })
  const { release } = await within(peer.receive('ready'))
  steps.continuesIn(child.pid)
  peer.send({ type: 'main' })
  return release
}

/** Rejects when the process reports a failure or ends. */
async function failed(child: Child, peer: HandOverPeer): Promise<never> {
  const reported = peer.receive('failed')
  // A process that ends has sent its report before.
  const ended = child.exited.then(() => Bun.sleep(0))
  const report = await Promise.race([reported.catch(() => ended), ended])
  if (typeof report === 'object') throw new Error(report.message)
  const { signalCode, exitCode } = child
  const how = signalCode === null ? `with status ${exitCode}` : `by ${signalCode}`
  throw new Error(`it ended ${how} before it was ready`)
}

function stopping(): FunctionError {
  const message = 'The restart was abandoned: the service is shutting down.'
  return new FunctionError('SHUTTING_DOWN', message)
}

function failure(why: string, cause: unknown): FunctionError {
  const text = why.replace(/\.$/, '')
  return new FunctionError(
    'RESTART_FAILED',
    `The new process did not take over: ${text}. The service continues as before.`,
    { cause },
  )
}
