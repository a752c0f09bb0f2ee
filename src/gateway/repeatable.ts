/** Which requests a second worker may run, after a worker ended while it ran them. */
import type { Route } from '../router/route.ts'
import type { InvocationRequest } from '../worker/worker.ts'

/** Idempotent methods (RFC 9110, 9.2.2) that functions are called with. */
const IDEMPOTENT_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

const KEY = 'idempotency-key'

/** Why the request may not run twice, as the end of a sentence; undefined if it may. */
export function repeatObstacle(
  { method, headers }: InvocationRequest,
  route: Route,
): string | undefined {
  if (!route.retry) return 'its function was deployed with --no-retry'
  if (IDEMPOTENT_METHODS.has(method)) return undefined
  if (headers.some(([name, value]) => name === KEY && value !== '')) return undefined
  return `${method} may run twice only with an Idempotency-Key header`
}
