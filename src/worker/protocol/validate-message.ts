/**
 * Validates what a worker sends. All of it is hostile input: everything that is not exactly a message
 * is a breach. It is written by hand, because it runs for every message: a schema library would allocate.
 * protocol/messages.json describes the same rules, and the golden frames made from it test them.
 */
import {
  CREDIT_WINDOW_BYTES,
  MAX_ENGINE_NAME,
  MAX_HEADERS,
  MAX_HEADERS_BYTES,
  MAX_PAYLOAD_BYTES,
  PROTOCOL_VERSION,
} from './limits.ts'
import { FORBIDDEN_METHOD, ProtocolBreach, type WorkerMessage } from './messages.ts'

/** A message whose fields have not been checked yet. */
type Fields = Record<string, unknown>

const ERROR_CODES = new Set<unknown>([
  'HANDLER_ERROR',
  'INVALID_RESPONSE',
  'CPU_LIMIT',
  'MEMORY_LIMIT',
  'TIMEOUT',
  'BUNDLE_LOAD_ERROR',
])
/** The worker's counter has 32 bits. */
const MAX_LOGS_DROPPED = 2 ** 32 - 1
const LOG_LEVELS = new Set<unknown>(['debug', 'info', 'warn', 'error'])

/** RFC 9110 tokens: names end up in the head of an HTTP response. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const BAD_HEADER_VALUE = /[\0\r\n\u0100-\uffff]/
const FETCH_ID = /^f[1-9][0-9]{0,14}$/
const REDIRECT_MODES = new Set<unknown>(['follow', 'error', 'manual'])

interface Check {
  run(m: Fields): void
  keys: ReadonlySet<string>
}

const CHECKS: Record<string, Check> = {
  response: check(validateResponse, 'id', 'status', 'headers', 'bytes', 'end', 'length'),
  done: check(validateDone, 'id', 'cpu_us', 'heap_bytes'),
  chunk: check(validateChunk, 'id', 'bytes'),
  end: check((m) => validateBodyId(m.id), 'id'),
  credit: check(validateCredit, 'id', 'bytes'),
  fetch: check(
    validateFetch,
    'id',
    'invocation',
    'method',
    'url',
    'headers',
    'redirect',
    'bytes',
    'end',
  ),
  log: check(validateLog, 'id', 'level', 'message'),
  background: check(validateBackground, 'cpu_us', 'ended'),
  'logs-dropped': check(validateLogsDropped, 'count'),
  pong: check((m) => validateCount(m.n, 'n', Number.MAX_SAFE_INTEGER), 'n'),
  error: check(validateError, 'id', 'code', 'message', 'stack'),
  cancel: check(validateCancel, 'id', 'reason'),
  ready: check(validateReady, 'protocol', 'engine', 'init_us'),
}
// A type such as 'constructor' must not find what every object inherits.
Object.setPrototypeOf(CHECKS, null)

function check(run: (m: Fields) => void, ...keys: string[]): Check {
  return { run, keys: new Set(['type', ...keys]) }
}

/**
 * Takes one parsed line as a worker's message.
 *
 * @throws {ProtocolBreach} if it is not valid: unknown type or key, missing or ill-typed field, out of bounds
 */
export function validateWorkerMessage(value: unknown): WorkerMessage {
  if (typeof value !== 'object' || value === null)
    throw new ProtocolBreach('a line is not a JSON object')
  const message = value as Fields
  const { type } = message
  const check = typeof type === 'string' ? CHECKS[type] : undefined
  if (check === undefined) throw new ProtocolBreach('unknown message type')
  // An unknown key could hold values that are expensive to parse.
  for (const key in message) if (!check.keys.has(key)) throw new ProtocolBreach('unknown key')
  check.run(message)
  return value as WorkerMessage
}

/** Length of the payload that follows a worker's message; -1 if it has none. */
export function workerPayloadBytes(message: WorkerMessage): number {
  if (message.type === 'response' || message.type === 'fetch') return message.bytes ?? -1
  return message.type === 'chunk' ? message.bytes : -1
}

function validateResponse(m: Fields): void {
  validateId(m.id)
  const status = m.status
  if (!isInteger(status) || status < 200 || status > 599) bad('status')
  if (m.bytes !== undefined) validateCount(m.bytes, 'bytes', MAX_PAYLOAD_BYTES)
  if (typeof m.end !== 'boolean') bad('end')
  if (m.length !== undefined) validateCount(m.length, 'length', Number.MAX_SAFE_INTEGER)
  validateHeaders(m.headers)
}

function validateHeaders(headers: unknown): void {
  if (!Array.isArray(headers)) bad('headers')
  if (headers.length > MAX_HEADERS) throw new ProtocolBreach('too many headers')
  let bytes = 0
  for (let i = 0; i < headers.length; i++) {
    const pair = headers[i]
    if (!Array.isArray(pair) || pair.length !== 2) bad('headers')
    const name = pair[0]
    const value = pair[1]
    if (typeof name !== 'string' || !HEADER_NAME.test(name)) bad('header name')
    if (typeof value !== 'string' || BAD_HEADER_VALUE.test(value)) bad('header value')
    bytes += name.length + value.length
  }
  if (bytes > MAX_HEADERS_BYTES) throw new ProtocolBreach('headers too large')
}

function validateFetch(m: Fields): void {
  if (typeof m.id !== 'string' || !FETCH_ID.test(m.id)) bad('id')
  validateCount(m.invocation, 'invocation', Number.MAX_SAFE_INTEGER)
  const { method } = m
  if (typeof method !== 'string' || !HEADER_NAME.test(method)) bad('method')
  if (FORBIDDEN_METHOD.test(method)) bad('method')
  if (typeof m.url !== 'string') bad('url')
  if (!REDIRECT_MODES.has(m.redirect)) bad('redirect')
  if (m.bytes !== undefined) validateCount(m.bytes, 'bytes', MAX_PAYLOAD_BYTES)
  if (typeof m.end !== 'boolean') bad('end')
  validateHeaders(m.headers)
}

function validateLogsDropped(m: Fields): void {
  if (m.count === 0) bad('count')
  validateCount(m.count, 'count', MAX_LOGS_DROPPED)
}

function validateBackground(m: Fields): void {
  validateCount(m.cpu_us, 'cpu_us', Number.MAX_SAFE_INTEGER)
  if (typeof m.ended !== 'boolean') bad('ended')
}

function validateDone(m: Fields): void {
  validateId(m.id)
  validateCount(m.cpu_us, 'cpu_us', Number.MAX_SAFE_INTEGER)
  validateCount(m.heap_bytes, 'heap_bytes', Number.MAX_SAFE_INTEGER)
}

function validateChunk(m: Fields): void {
  validateBodyId(m.id)
  validateCount(m.bytes, 'bytes', MAX_PAYLOAD_BYTES)
  if (m.bytes === 0) bad('bytes')
}

function validateCredit(m: Fields): void {
  validateBodyId(m.id)
  validateCount(m.bytes, 'bytes', CREDIT_WINDOW_BYTES)
}

function validateLog(m: Fields): void {
  if (m.id !== undefined) validateId(m.id)
  if (!LOG_LEVELS.has(m.level)) bad('level')
  if (typeof m.message !== 'string') bad('message')
}

function validateError(m: Fields): void {
  if (m.id !== undefined) validateId(m.id)
  if (!ERROR_CODES.has(m.code)) bad('code')
  if (m.code === 'BUNDLE_LOAD_ERROR' && m.id !== undefined) bad('code')
  if (typeof m.message !== 'string') bad('message')
  if (m.stack !== undefined && typeof m.stack !== 'string') bad('stack')
}

function validateCancel(m: Fields): void {
  validateBodyId(m.id)
  if (typeof m.reason !== 'string') bad('reason')
}

function validateReady(m: Fields): void {
  if (m.protocol !== PROTOCOL_VERSION)
    throw new ProtocolBreach('ready has another protocol version')
  if (typeof m.engine !== 'string' || m.engine.length > MAX_ENGINE_NAME) bad('engine')
  validateCount(m.init_us, 'init_us', Number.MAX_SAFE_INTEGER)
}

function validateId(id: unknown): void {
  if (!isInteger(id) || id < 1) bad('id')
}

function validateBodyId(id: unknown): void {
  if (typeof id === 'string' && FETCH_ID.test(id)) return
  validateId(id)
}

function validateCount(value: unknown, field: string, max: number): void {
  if (!isInteger(value) || value < 0 || value > max) bad(field)
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function bad(field: string): never {
  throw new ProtocolBreach(`the field '${field}' is missing or not valid`)
}
