/** What the host writes, compared byte for byte with the golden frames. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EgressError } from '../../egress/errors.ts'
import type { Channel } from '../protocol/channel.ts'
import { FlowControlledReceiver, FlowControlledSender } from '../protocol/flow-control.ts'
import type { FetchMessage } from '../protocol/messages.ts'
import { BrokeredFetch, FetchTable } from './fetch-table.ts'
import { RunningInvocation } from './invocation.ts'

const GOLDEN = join(import.meta.dir, '../../../protocol/golden/host')
const golden = (name: string) => readFileSync(join(GOLDEN, `${name}.frames`), 'latin1')

function record() {
  let sent = ''
  const add = (part: string | Uint8Array) => {
    sent += typeof part === 'string' ? part : Buffer.from(part).toString('latin1')
  }
  const channel = { sendLine: add, sendBytes: add, acceptedBytes: 0, pendingBytes: 0 }
  return { channel: channel as unknown as Channel, written: () => sent }
}

/** A golden message as its fields, which are what the encoder is given. */
const fieldsOf = (name: string) => JSON.parse(golden(name).split('\n')[0] as string)
const HELLO = Buffer.from('hello')

function invocation(name: string, body: Uint8Array | undefined) {
  const { id, method, url, headers, client, deadline_ms, cpu_ms, end } = fieldsOf(name)
  const { channel, written } = record()
  const deadline = performance.now() + deadline_ms
  const request = {
    ...{ method, url, headers, clientAddress: client },
    ...{ deadline, cpuMs: cpu_ms, body, end },
  }
  const owner = { channel, fetches: { endOf() {}, leave() {} }, watch() {}, overdue() {} }
  const running = new RunningInvocation(id, request, {} as never, {} as never, owner)
  // The line holds what is left at the start, which must not depend on the speed of this test.
  running.startedAt = deadline - deadline_ms
  return { running, request, written }
}

test.each([
  ['invoke', undefined],
  ['invoke-full', HELLO],
] as const)('%s', (name, body) => {
  const { running, request, written } = invocation(name, body)
  expect(running.begin(request)).toBe(true)
  expect(written()).toBe(golden(name))
})

test.each([
  ['', 1],
  ['-of-fetch', '"f1"'],
])('chunk%s, end and credit', (suffix, id) => {
  const { channel, written } = record()
  const sender = new FlowControlledSender(channel, id)
  sender.write(HELLO)
  sender.end()
  const receiver = new FlowControlledReceiver(channel, id)
  const { bytes } = fieldsOf(`credit${suffix}`)
  receiver.received(bytes)
  receiver.consumed(bytes, true)
  expect(written()).toBe(
    golden(`chunk${suffix}`) + golden(`end${suffix}`) + golden(`credit${suffix}`),
  )
})

function runningFetch() {
  const { channel, written } = record()
  const message = { id: 'f1', end: true } as unknown as FetchMessage
  const table = new FetchTable(channel, { secrets: [] } as never, {} as never)
  const group = { session: {} as never, fetches: new Set<BrokeredFetch>() }
  const fetch = new BrokeredFetch(message, undefined, table, group)
  return { fetch, written }
}

test('fetch-response', () => {
  const { fetch, written } = runningFetch()
  fetch.response(fieldsOf('fetch-response'))
  expect(written()).toBe(golden('fetch-response'))
})

test('fetch-error', () => {
  const { fetch, written } = runningFetch()
  const { code, reason, message } = fieldsOf('fetch-error')
  fetch.fail(new EgressError(code, reason, message))
  expect(written()).toBe(golden('fetch-error'))
})
