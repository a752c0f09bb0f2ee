/** Messages of the zygote's control channel: the launcher's line, then events of its workers. */
import { areNames, checkLaunchMessage, type LaunchMessage } from './announcements.ts'
import { ProtocolBreach } from './messages.ts'

export type TemplateMessage =
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
 * Takes one parsed line as a template's message.
 *
 * @throws {ProtocolBreach} if it is not a valid message
 */
export function checkTemplateMessage(value: unknown): TemplateMessage {
  const message = value as Record<string, unknown> | null
  switch (message?.type) {
    case 'listening':
      if (areNames(message.layers)) return value as TemplateMessage
      break
    case 'forked':
      if (areCounts(message.worker, message.pid)) return value as TemplateMessage
      break
    case 'exited': {
      const { worker, status, signal, cpu_us, max_rss } = message
      if (areCounts(worker, status, signal, cpu_us, max_rss)) return value as TemplateMessage
      break
    }
    case 'launched':
    case 'launch-failed':
      return checkLaunchMessage(value)
  }
  throw new ProtocolBreach('a line is not a valid message of the zygote')
}

function areCounts(...values: unknown[]): boolean {
  return values.every((value) => Number.isSafeInteger(value) && (value as number) >= 0)
}
