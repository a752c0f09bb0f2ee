/** Every error code of the service, with its HTTP status and its RFC 9457 title. */
export const ERRORS = {
  BAD_REQUEST: { status: 400, title: 'Bad request' },
  UNAUTHORIZED: { status: 401, title: 'Unauthorized' },
  FORBIDDEN: { status: 403, title: 'Forbidden' },
  PROJECT_SUSPENDED: { status: 403, title: 'Project suspended' },
  PROJECT_NOT_FOUND: { status: 404, title: 'Project not found' },
  ROUTE_NOT_FOUND: { status: 404, title: 'Route not found' },
  TOKEN_NOT_FOUND: { status: 404, title: 'Token not found' },
  FUNCTION_NOT_FOUND: { status: 404, title: 'Function not found' },
  FUNCTION_NOT_DEPLOYED: { status: 404, title: 'Function not deployed' },
  VERSION_NOT_FOUND: { status: 404, title: 'Version not found' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed' },
  CLIENT_TIMEOUT: { status: 408, title: 'The client was too slow' },
  CONFLICT: { status: 409, title: 'Conflict' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'Payload too large' },
  BACKUP_INVALID: { status: 422, title: 'Backup invalid' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'Idempotency key reused' },
  BUNDLE_REFUSED: { status: 422, title: 'Bundle refused' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  QUOTA_EXCEEDED: { status: 429, title: 'Quota exceeded' },
  HEADERS_TOO_LARGE: { status: 431, title: 'Headers too large' },
  HANDLER_ERROR: { status: 500, title: 'The handler failed' },
  INVALID_RESPONSE: { status: 500, title: 'The handler returned no valid response' },
  CONFIG_INVALID: { status: 500, title: 'Invalid configuration' },
  STORAGE_UNUSABLE: { status: 500, title: 'A folder or file cannot be used' },
  BUNDLE_LOAD_ERROR: { status: 500, title: 'The bundle did not load' },
  CPU_LIMIT: { status: 500, title: 'CPU limit exceeded' },
  MEMORY_LIMIT: { status: 500, title: 'Memory limit exceeded' },
  RESTART_FAILED: { status: 500, title: 'The restart failed' },
  INTERNAL: { status: 500, title: 'Internal error' },
  WORKER_CRASHED: { status: 502, title: 'The worker crashed' },
  SANDBOX_VIOLATION: { status: 502, title: 'The sandbox stopped the worker' },
  WORKER_PROTOCOL: { status: 502, title: 'The worker broke the protocol' },
  OVERLOADED: { status: 503, title: 'Overloaded' },
  NOT_RUNNING: { status: 503, title: 'The service is not running' },
  SHUTTING_DOWN: { status: 503, title: 'Shutting down' },
  SECRETS_UNAVAILABLE: { status: 503, title: 'The secrets cannot be decrypted' },
  SANDBOX_UNAVAILABLE: { status: 503, title: 'The sandbox is not available' },
  WORKER_START_FAILED: { status: 503, title: 'The worker did not start' },
  TIMEOUT: { status: 504, title: 'Timeout' },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof ERRORS

/**
 * Position of an error in the tenant's source: file relative to the project root, line and column
 * from 1.
 */
export interface SourcePosition {
  file: string
  line: number
  column: number
}

/** One of several things that are wrong. */
export interface Problem {
  message: string
  position?: SourcePosition | undefined
}

interface FunctionErrorOptions {
  cause?: unknown
  /** The tenant's source-mapped stack, for the tenant's logs. Not shown to clients by default. */
  stack?: string
  position?: SourcePosition
  /** What is wrong besides. */
  others?: readonly Problem[]
  /** Seconds for the Retry-After header. */
  retryAfter?: number
  limit?: ExceededLimit
}

/** The limit that refused a request. */
export interface ExceededLimit {
  name: string
  /** `installation`, `project` or `function`. */
  level: string
  /** The fields RateLimit-Policy and RateLimit. */
  policy: string
  remaining: string
}

/** The only error type: a stable code, a message for people, and an optional cause. */
export class FunctionError extends Error {
  readonly code: ErrorCode
  readonly tenantStack: string | undefined
  readonly position: SourcePosition | undefined
  readonly others: readonly Problem[]
  readonly retryAfter: number | undefined
  readonly limit: ExceededLimit | undefined

  constructor(code: ErrorCode, message: string, options: FunctionErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'FunctionError'
    this.code = code
    this.tenantStack = options.stack
    this.position = options.position
    this.others = options.others ?? []
    this.retryAfter = options.retryAfter
    this.limit = options.limit
  }

  get status(): number {
    return ERRORS[this.code].status
  }
}

/** Finds the SANDBOX_VIOLATION among an error and its causes: what a tenant tried that the kernel refused. */
export function sandboxViolation(error: unknown): FunctionError | undefined {
  if (!(error instanceof FunctionError)) return undefined
  return error.code === 'SANDBOX_VIOLATION' ? error : sandboxViolation(error.cause)
}
