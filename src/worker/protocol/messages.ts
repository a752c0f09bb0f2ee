/** The messages of the worker protocol, and the error for a peer that breaks it. See docs/protocol.md. */
import type { HeaderList, LogLevel } from '../worker.ts'

/** Methods that no fetch may have: https://fetch.spec.whatwg.org/#forbidden-method */
export const FORBIDDEN_METHOD = /^(?:connect|trace|track)$/i

/** The codes that a worker may give to an invocation, or to a bundle that did not load. */
export type WorkerErrorCode =
  | 'HANDLER_ERROR'
  | 'INVALID_RESPONSE'
  | 'CPU_LIMIT'
  | 'MEMORY_LIMIT'
  | 'TIMEOUT'
  | 'BUNDLE_LOAD_ERROR'

export interface ReadyMessage {
  type: 'ready'
  protocol: number
  engine: string
  init_us: number
}

export interface ResponseMessage {
  type: 'response'
  id: number
  status: number
  headers: HeaderList
  bytes?: number
  end: boolean
  length?: number
}

/** The id of a fetch, chosen by its worker: `f1`, `f2` and so on. */
export type FetchId = `f${number}`
/** Whose body this is: an invocation's or a fetch's. */
export type BodyId = number | FetchId

export interface ChunkMessage {
  type: 'chunk'
  id: BodyId
  bytes: number
}

export interface EndMessage {
  type: 'end'
  id: BodyId
}

/** `bytes` is an amount here: nothing follows the line. */
export interface CreditMessage {
  type: 'credit'
  id: BodyId
  bytes: number
}

export interface CancelMessage {
  type: 'cancel'
  id: BodyId
  reason: string
}

/** The client of an invocation is gone. */
export interface DisconnectMessage {
  type: 'disconnect'
  id: number
  reason: string
}

export interface ErrorMessage {
  type: 'error'
  id?: number
  code: WorkerErrorCode
  message: string
  stack?: string
}

export interface DoneMessage {
  type: 'done'
  id: number
  cpu_us: number
  heap_bytes: number
}

export interface LogMessage {
  type: 'log'
  id?: number
  level: LogLevel
  message: string
}

/** CPU time of background work. */
export interface BackgroundMessage {
  type: 'background'
  cpu_us: number
  /** Work that was still to run was ended: the worker has to be replaced. */
  ended: boolean
}

export interface LogsDroppedMessage {
  type: 'logs-dropped'
  count: number
}

/** The messages about a body: an invocation's, or that of a fetch. */
export type BodyMessage = ChunkMessage | EndMessage | CreditMessage | CancelMessage

export interface FetchMessage {
  type: 'fetch'
  id: FetchId
  invocation: number
  method: string
  url: string
  headers: HeaderList
  redirect: 'follow' | 'error' | 'manual'
  bytes?: number
  end: boolean
}

export interface PongMessage {
  type: 'pong'
  n: number
}

/** Everything that a worker may send. The announcements before it are in announcements.ts. */
export type WorkerMessage =
  | ReadyMessage
  | ResponseMessage
  | ChunkMessage
  | EndMessage
  | CreditMessage
  | CancelMessage
  | ErrorMessage
  | DoneMessage
  | LogMessage
  | LogsDroppedMessage
  | BackgroundMessage
  | FetchMessage
  | PongMessage

export interface StartLimits {
  memory_bytes: number
  cpu_ms: number
  fds: number
  /** Wall and CPU time that the bundle has to load. */
  load_ms: number
  load_cpu_ms: number
  /** From the end of the last request to the pause of background work. */
  background_ms: number
  /** Of a core, for background work. */
  background_cpu_percent: number
}

/** The JSON line at the head of the `start` bytes; the bundle follows its newline. */
export interface StartDetails {
  function: string
  function_id: string
  project: string
  version: string
  handler: string
  env: Readonly<Record<string, string>>
}

export interface InvokeMessage {
  type: 'invoke'
  id: number
  method: string
  url: string
  headers: HeaderList
  client?: string
  deadline_ms: number
  cpu_ms: number
  bytes?: number
  end: boolean
}

export interface FetchResponseMessage {
  type: 'fetch-response'
  id: FetchId
  status: number
  statusText: string
  url: string
  redirected: boolean
  headers: HeaderList
  end: boolean
}

export interface FetchErrorMessage {
  type: 'fetch-error'
  id: FetchId
  code: string
  /** The `code` of the error and of its cause. */
  reason: string
  message: string
}

/** Everything that the host sends to a worker. */
export type HostMessage =
  | { type: 'start'; protocol: number; worker: number; limits: StartLimits; bytes: number }
  | InvokeMessage
  | ChunkMessage
  | EndMessage
  | CreditMessage
  | CancelMessage
  | DisconnectMessage
  | FetchResponseMessage
  | FetchErrorMessage
  | { type: 'ping'; n: number }
  | { type: 'shutdown'; grace_ms: number; reason: string }

/** The peer broke the protocol, so its channel must be closed. */
export class ProtocolBreach extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProtocolBreach'
  }
}
