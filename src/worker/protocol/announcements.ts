/**
 * The first line on a channel. The program that made the process writes it, before the worker writes
 * anything: the zygote's child (`accepted`), or the launcher (`launched`, `launch-failed`).
 */
import { ProtocolBreach } from './messages.ts'

export interface Accepted {
  type: 'accepted'
  /** The worker's number in the zygote's life. */
  worker: number
}

export type LaunchMessage =
  | { type: 'launched'; pid: number; layers: string[] }
  | { type: 'launch-failed'; what: string; errno: string }

/** @throws {ProtocolBreach} if the line is not a valid `accepted` */
export function validateAccepted(value: unknown): Accepted {
  const message = value as Partial<Accepted> | null
  if (message?.type !== 'accepted' || !Number.isSafeInteger(message.worker)) {
    throw new ProtocolBreach("the first line is not a valid 'accepted' message")
  }
  return value as Accepted
}

/** @throws {ProtocolBreach} if the line is neither a valid `launched` nor `launch-failed` */
export function validateLaunchMessage(value: unknown): LaunchMessage {
  const message = value as Record<string, unknown> | null
  if (message?.type === 'launched' && Number.isSafeInteger(message.pid)) {
    if (areNames(message.layers)) return value as LaunchMessage
  }
  if (message?.type === 'launch-failed') {
    // The program that was to be executed may have written it, so its fields are hostile input too.
    const { what, errno } = message
    if (typeof what === 'string' && typeof errno === 'string') return value as LaunchMessage
  }
  throw new ProtocolBreach("the line is not a valid 'launched' or 'launch-failed' message")
}

export function areNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string')
}
