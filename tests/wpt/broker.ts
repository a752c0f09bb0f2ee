/** Answers the fetches of a worker that a test drives by protocol messages. */
import type { Egress } from '../../src/egress/egress.ts'
import type { Channel } from '../../src/worker/protocol/channel.ts'
import type { BodyMessage, FetchId, FetchMessage } from '../../src/worker/protocol/messages.ts'
import { validateWorkerMessage } from '../../src/worker/protocol/validate-message.ts'
import { FetchTable } from '../../src/worker/session/fetch-table.ts'
import { makeSpec } from '../conformance/harness.ts'
import type { TestWorker } from '../worker/test-worker.ts'

export function serveFetches(worker: TestWorker, egress: Egress): void {
  const send = (data: string | Uint8Array) => worker.sendRaw(data)
  const channel = { sendLine: send, sendBytes: send } as unknown as Channel
  const spec = makeSpec('quickjs-ng', '', { capabilities: { allowNetwork: true } })
  const fetches = new FetchTable(channel, spec, egress)
  worker.watch((message, bytes) => {
    const isFetch = message.type === 'fetch'
    if (!isFetch && typeof message.id !== 'string') return
    validateWorkerMessage(message)
    const payload = message.bytes === undefined ? undefined : Buffer.from(bytes)
    if (isFetch) fetches.begin(message as unknown as FetchMessage, payload, 'request')
    else fetches.dispatch(message as unknown as BodyMessage & { id: FetchId }, payload)
  })
}
