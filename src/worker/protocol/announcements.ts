/** The first line on a connection to a template, written by its child before it reads anything. */
import { ProtocolBreach } from './messages.ts'

export interface Accepted {
  type: 'accepted'
  /** The worker's number in the template's life. */
  worker: number
}

/** @throws {ProtocolBreach} */
export function checkAccepted(value: unknown): Accepted {
  const message = value as Partial<Accepted> | null
  if (message?.type !== 'accepted' || !Number.isSafeInteger(message.worker)) {
    throw new ProtocolBreach('no line of a template')
  }
  return value as Accepted
}
