/** Turns what a worker says or how it ends into the errors that its callers see. */
import { FunctionError, type SourcePosition } from '../../errors.ts'
import type { ProcessExit } from '../process/process-exit.ts'
import { MAX_ERROR_MESSAGE, MAX_ERROR_STACK } from '../protocol/limits.ts'
import type { ErrorMessage } from '../protocol/messages.ts'
import type { WorkerSpec } from '../worker.ts'

/** `at name (file:line:column)` or `at file:line:column`, as both engines write it. */
const FRAME = /^\s*at (?:.*\()?([^()\s][^()]*?):(\d{1,9}):(\d{1,9})\)?\s*$/

/** Frames of the Web APIs that are written in JS: quickjs-worker keeps neither their names nor their lines. */
const BUILT_IN_FRAMES = /^\s*at [^\n]*\(<null>:\d+:\d+\)(?:\n|$)/gm

/** What stopped a bundle while it loaded: the worker speaks of an invocation, which there is none. */
const LOAD_LIMITS: Record<string, string> = {
  CPU_LIMIT: 'it used up the CPU time that it may load with',
  TIMEOUT: 'it did not finish in time',
  MEMORY_LIMIT: 'it used up its memory',
}

export const SIGKILL = 9
const SIGXCPU = 24
const SIGSYS = 31

/** The error of an `error` message, with the tenant's own positions in its stack. */
export function tenantError(spec: WorkerSpec, message: ErrorMessage): FunctionError {
  const stack = message.stack === undefined ? undefined : mapSafely(spec, message.stack).trimEnd()
  const position = stack === undefined ? undefined : firstPosition(stack)
  // Whatever stopped it, a bundle that did not load is one that cannot be deployed.
  const code = message.id === undefined ? 'BUNDLE_LOAD_ERROR' : message.code
  const text = (message.id === undefined && LOAD_LIMITS[message.code]) || message.message
  return new FunctionError(code, text.slice(0, MAX_ERROR_MESSAGE), {
    ...(stack !== undefined && { stack }),
    ...(position !== undefined && { position }),
  })
}

/** The stack with the tenant's own positions. A worker made it up, so that it may be no stack at all. */
export function mapSafely(spec: WorkerSpec, stack: string): string {
  if (stack.length > MAX_ERROR_STACK) return stack
  try {
    return spec.mapStack(stack.replace(BUILT_IN_FRAMES, ''))
  } catch {
    return stack
  }
}

/** The topmost position of a mapped stack that lies in a file of the tenant's. */
export function firstPosition(stack: string): SourcePosition | undefined {
  for (const line of stack.split('\n')) {
    const frame = FRAME.exec(line)
    const file = frame?.[1]
    if (frame === null || file === undefined || file === 'bundle.js' || file.includes('native')) {
      continue
    }
    return { file, line: Number(frame[2]), column: Number(frame[3]) }
  }
  return undefined
}

/** How far a worker came: its process starts, its bundle loads, it takes invocations. */
export type Stage = 'launching' | 'loading' | 'serving'

/** Why a worker that nobody asked to go went. */
export function explainExit(
  exit: ProcessExit | undefined,
  cpuLifeMs: number,
  stage: Stage,
): FunctionError {
  const why = explainProcess(exit, cpuLifeMs)
  if (stage === 'serving') return why
  // Whatever ended it: while a bundle loads, it is the bundle that did not load.
  const code = stage === 'loading' ? 'BUNDLE_LOAD_ERROR' : 'WORKER_START_FAILED'
  const when = stage === 'loading' ? 'while it loaded the bundle' : 'before it took a bundle'
  return new FunctionError(code, `${why.message} ${when}`, { cause: why })
}

/** Why a worker that was not ready by when it had to be has to go. */
export function explainLateness(stage: Stage): FunctionError {
  return stage === 'loading'
    ? new FunctionError('BUNDLE_LOAD_ERROR', 'the bundle did not load in time')
    : new FunctionError('WORKER_START_FAILED', 'the worker process did not start in time')
}

function explainProcess(exit: ProcessExit | undefined, cpuLifeMs: number): FunctionError {
  if (exit === undefined) return new FunctionError('WORKER_CRASHED', 'the worker went away')
  const lifeUsed = exit.cpuUs >= cpuLifeMs * 1000
  if (exit.cpu || exit.signal === SIGXCPU || (exit.signal === SIGKILL && lifeUsed)) {
    return new FunctionError('CPU_LIMIT', 'the worker used up its CPU time')
  }
  if (exit.oom === true) {
    return new FunctionError('MEMORY_LIMIT', 'the worker was killed for lack of memory')
  }
  if (exit.signal === SIGSYS) {
    const message =
      'the sandbox killed the worker: it made a system call that it may not make (SIGSYS)'
    return new FunctionError('SANDBOX_VIOLATION', message)
  }
  const how =
    exit.signal === 0 ? `exited with status ${exit.status}` : `died of signal ${exit.signal}`
  return new FunctionError('WORKER_CRASHED', `the worker ${how}`)
}

/** Did the kernel stop a worker that tried what its sandbox does not allow? */
export function sandboxViolation(error: unknown): FunctionError | undefined {
  if (!(error instanceof FunctionError)) return undefined
  return error.code === 'SANDBOX_VIOLATION' ? error : sandboxViolation(error.cause)
}

/** What kept a worker from starting. */
export function asFunctionError(cause: unknown): FunctionError {
  if (cause instanceof FunctionError) return cause
  return new FunctionError('WORKER_START_FAILED', 'the worker could not be started', { cause })
}
