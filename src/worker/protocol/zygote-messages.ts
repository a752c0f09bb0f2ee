/** Messages of the zygote's control channel: the launcher's line, then events of its workers. */
import { areNames, type LaunchMessage, validateLaunchMessage } from './announcements.ts'
import { ProtocolBreach } from './messages.ts'

export type ZygoteMessage =
  | LaunchMessage
  | { type: 'listening'; layers: string[] }
  | { type: 'forked'; worker: number; pid: number }
  | {
      type: 'exited'
      worker: number
      status: number
      signal: number
      cpu_us: number
      max_rss: number
      reason?: string
    }

/**
 * Takes one parsed line as a message of the zygote.
 *
 * @throws {ProtocolBreach} if it is not a valid message
 */
export function validateZygoteMessage(value: unknown): ZygoteMessage {
  const message = value as Record<string, unknown> | null
  switch (message?.type) {
    case 'listening':
      if (areNames(message.layers)) return value as ZygoteMessage
      break
    case 'forked':
      if (areCounts(message.worker, message.pid)) return value as ZygoteMessage
      break
    case 'exited': {
      const { worker, status, signal, cpu_us, max_rss } = message
      if (areCounts(worker, status, signal, cpu_us, max_rss)) return value as ZygoteMessage
      break
    }
    case 'launched':
    case 'launch-failed':
      return validateLaunchMessage(value)
  }
  throw new ProtocolBreach('a line is not a valid message of the zygote')
}

function areCounts(...values: unknown[]): boolean {
  return values.every((value) => Number.isSafeInteger(value) && (value as number) >= 0)
}
