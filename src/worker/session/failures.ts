/** Makes the errors that callers see from a worker's messages and from the end of its process. */
import { FunctionError, type SourcePosition } from '../../errors.ts'
import type { Masker } from '../../secrets/masker.ts'
import type { ProcessExit } from '../process/process-exit.ts'
import { MAX_ERROR_MESSAGE, MAX_ERROR_STACK } from '../protocol/limits.ts'
import type { ErrorMessage } from '../protocol/messages.ts'
import type { WorkerSpec } from '../worker.ts'

/**
 * `at name (file:line:column)` or `at file:line:column`, as both engines write it. The braces of the
 * error's properties may open behind the last frame.
 */
const FRAME = /^\s*at (?:.*\()?([^()\s][^()]*?):(\d{1,9}):(\d{1,9})\)?(?: \{)?\s*$/

/**
 * A frame of the platform: of the Web APIs that are written in JS, for which quickjs-worker has neither
 * names nor lines, and of Node's modules, which are part of the bundle.
 */
const OWN_FRAME =
  /^\s*at (?:async )?(?:[^()]*\()?(?:<null>|functions:[^()\s]*):\d{1,9}:\d{1,9}\)?(?: \{)?\s*$/

/** Worker messages say "invocation"; while a bundle loads there is none, so these texts are used. */
const LOAD_LIMITS: Record<string, string> = {
  CPU_LIMIT:
    'The bundle used up its CPU time while it loaded. Do less work outside of the handler.',
  TIMEOUT: 'The bundle did not load in time. Do less work outside of the handler.',
  MEMORY_LIMIT:
    'The bundle used up its memory while it loaded. Keep less data outside of the handler, or raise maxMemory.',
}

export const SIGKILL = 9
const SIGXCPU = 24
const SIGSYS = 31

/**
 * The error of an `error` message, with the tenant's own positions in its stack.
 *
 * @param masker of the function's secrets, if it has any
 */
export function tenantError(
  spec: WorkerSpec,
  message: ErrorMessage,
  masker?: Masker,
): FunctionError {
  const masked = (text: string) => masker?.mask(text) ?? text
  const stack =
    message.stack === undefined ? undefined : masked(mapSafely(spec, message.stack).trimEnd())
  const position = stack === undefined ? undefined : firstPosition(stack)
  // A bundle that did not load cannot be deployed, whatever stopped it.
  const code = message.id === undefined ? 'BUNDLE_LOAD_ERROR' : message.code
  const text = (message.id === undefined && LOAD_LIMITS[message.code]) || masked(message.message)
  return new FunctionError(code, text.slice(0, MAX_ERROR_MESSAGE), {
    ...(stack !== undefined && { stack }),
    ...(position !== undefined && { position }),
  })
}

/** A longer text is not mapped: a log line has a message before its stack, and errors within it. */
const MAX_MAPPED = 2 * MAX_ERROR_STACK

/** Without frames of the platform: what is left on top is where the tenant's code called it. */
function withoutOwnFrames(stack: string): string {
  const kept: string[] = []
  for (const line of stack.split('\n')) {
    if (!OWN_FRAME.test(line)) kept.push(line)
    // The braces of the error's properties open behind the last frame.
    else if (line.endsWith('{') && kept.length > 0) kept.push(`${kept.pop()} {`)
  }
  return kept.join('\n')
}

/** The stack with positions in the tenant's sources. The worker wrote it, so it may be any text. */
export function mapSafely(spec: WorkerSpec, stack: string): string {
  if (stack.length > MAX_MAPPED) return stack
  try {
    return withoutOwnFrames(spec.mapStack(stack))
  } catch {
    return stack
  }
}

/** The topmost position of a mapped stack that lies in one of the tenant's files. */
export function firstPosition(stack: string): SourcePosition | undefined {
  for (const line of stack.split('\n')) {
    const frame = FRAME.exec(line)
    const file = frame?.[1]
    if (frame === null || file === undefined || file === 'bundle.js' || file.includes('native')) {
      continue
    }
    // A module of the bundler: of Node, or in the place of one that is not installed.
    if (file.startsWith('functions:')) continue
    return { file, line: Number(frame[2]), column: Number(frame[3]) }
  }
  return undefined
}

/** How far a worker has come: its process starts, its bundle loads, it takes invocations. */
export type Stage = 'launching' | 'loading' | 'serving'

/** The error of a worker that ended without being asked to. */
export function explainExit(
  exit: ProcessExit | undefined,
  cpuLifeMs: number,
  stage: Stage,
): FunctionError {
  const when = WHEN[stage]
  const why = explainProcess(exit, cpuLifeMs, when)
  if (stage === 'serving') return why
  // A bundle cannot send SIGKILL to its process: the next start may well succeed.
  const ownLimit = why.code === 'CPU_LIMIT' || exit?.memoryKill?.limitBytes !== undefined
  const innocent = exit === undefined || (exit.signal === SIGKILL && !ownLimit)
  const code = stage === 'loading' && !innocent ? 'BUNDLE_LOAD_ERROR' : 'WORKER_START_FAILED'
  return new FunctionError(code, why.message, { cause: why })
}

const WHEN: Record<Stage, string> = {
  launching: ' before it read its bundle',
  loading: ' while it loaded its bundle',
  serving: '',
}

/** The error of a worker that did not become ready in time. */
export function explainLateness(stage: Stage): FunctionError {
  return stage === 'loading'
    ? new FunctionError('BUNDLE_LOAD_ERROR', LOAD_LIMITS.TIMEOUT as string)
    : new FunctionError(
        'WORKER_START_FAILED',
        'The worker process did not start in time. The machine may be overloaded.',
      )
}

export const WORKER_ENDED = 'The worker ended before the invocation did.'

/** @param when the end of a sentence about the worker */
function explainProcess(
  exit: ProcessExit | undefined,
  cpuLifeMs: number,
  when: string,
): FunctionError {
  if (exit === undefined) {
    return new FunctionError('WORKER_CRASHED', `The worker closed its channel${when}.`)
  }
  const lifeUsed = exit.cpuUs >= cpuLifeMs * 1000
  if (exit.cpu || exit.signal === SIGXCPU || (exit.signal === SIGKILL && lifeUsed)) {
    return new FunctionError(
      'CPU_LIMIT',
      `The worker was killed${when}: it used up its CPU time. Raise maxCpu, or do less work in one request.`,
    )
  }
  if (exit.memoryKill !== undefined) {
    const { limitBytes } = exit.memoryKill
    const why =
      limitBytes === undefined
        ? 'because memory ran out. Give the machine more memory, or lower maxMemory or the number of workers.'
        : `because the processes of the function together used more than ${Math.floor(limitBytes / 2 ** 20)} MB. Keep less in memory, in child programs and in files under /tmp, or raise maxMemory.`
    return new FunctionError('MEMORY_LIMIT', `The kernel killed the worker${when}, ${why}`)
  }
  if (exit.signal === SIGSYS) {
    return new FunctionError(
      'SANDBOX_VIOLATION',
      `The sandbox killed the worker${when}: it made a system call that is not allowed (SIGSYS).`,
    )
  }
  const how =
    exit.signal === 0 ? `exited with status ${exit.status}` : `was killed by signal ${exit.signal}`
  return new FunctionError('WORKER_CRASHED', `The worker ${how}${when}.`)
}

/** The error of a worker that could not start. */
export function asFunctionError(cause: unknown): FunctionError {
  if (cause instanceof FunctionError) return cause
  return new FunctionError('WORKER_START_FAILED', 'The worker could not be started.', { cause })
}
