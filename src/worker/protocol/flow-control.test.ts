/** Both ends of one body: what leaves, in which order, and when credit is given. */
import { expect, test } from 'bun:test'
import type { Channel } from './channel.ts'
import { FlowControlledReceiver, FlowControlledSender } from './flow-control.ts'
import { CREDIT_BATCH_BYTES, CREDIT_WINDOW_BYTES, MAX_PAYLOAD_BYTES } from './limits.ts'

function record() {
  const sent: string[] = []
  const channel = {
    sendLine: (line: string) => sent.push(line.trimEnd()),
    sendBytes: (bytes: Uint8Array) => sent.push(`${bytes.length} bytes`),
    giveBytes: (bytes: Uint8Array) => sent.push(`${bytes.length} given`),
  }
  return { sent, channel: channel as unknown as Channel }
}

test('a small part leaves at once, and the end follows it', () => {
  const { sent, channel } = record()
  const sender = new FlowControlledSender(channel, 7)
  sender.write(new Uint8Array(3))
  sender.end()
  expect(sent).toEqual(['{"type":"chunk","id":7,"bytes":3}', '3 bytes', '{"type":"end","id":7}'])
  expect(sender.closed).toBe(true)
})

test('an empty part sends nothing', () => {
  const { sent, channel } = record()
  new FlowControlledSender(channel, 7).write(new Uint8Array(0))
  expect(sent).toEqual([])
})

test('the id of a fetch is sent as JSON has it', () => {
  const { sent, channel } = record()
  const sender = new FlowControlledSender(channel, '"f1"')
  sender.end()
  new FlowControlledReceiver(channel, '"f1"').consumed(0, true)
  expect(sent).toEqual(['{"type":"end","id":"f1"}'])
})

test('a large part is cut into chunks, and stops when the window is used up', () => {
  const { sent, channel } = record()
  const sender = new FlowControlledSender(channel, 1)
  sender.write(new Uint8Array(CREDIT_WINDOW_BYTES + 10))
  const chunk = [
    `{"type":"chunk","id":1,"bytes":${MAX_PAYLOAD_BYTES}}`,
    `${MAX_PAYLOAD_BYTES} bytes`,
  ]
  expect(sent.splice(0)).toEqual([...chunk, ...chunk, ...chunk, ...chunk])
  expect(sender.blocked).toBe(true)
  sender.end()
  expect(sent).toEqual([])
  sender.addCredit(4)
  expect(sent.splice(0)).toEqual(['{"type":"chunk","id":1,"bytes":4}', '4 bytes'])
  sender.addCredit(100)
  expect(sent).toEqual(['{"type":"chunk","id":1,"bytes":6}', '6 bytes', '{"type":"end","id":1}'])
})

test('an inline payload spends credit', () => {
  const { sent, channel } = record()
  const sender = new FlowControlledSender(channel, 1)
  sender.spend(CREDIT_WINDOW_BYTES)
  sender.write(new Uint8Array(1))
  expect(sent).toEqual([])
  sender.addCredit(1)
  expect(sent).toHaveLength(2)
})

test('a disposable buffer is given to the channel with its last chunk only', () => {
  const { sent, channel } = record()
  const sender = new FlowControlledSender(channel, 1)
  sender.write(new Uint8Array(MAX_PAYLOAD_BYTES + 1), true)
  sender.write(new Uint8Array(1))
  expect(sent.filter((what) => !what.startsWith('{'))).toEqual([
    `${MAX_PAYLOAD_BYTES} bytes`,
    '1 given',
    '1 bytes',
  ])
})

test('credit beyond the window is a breach, also for a body that is closed', () => {
  const { channel } = record()
  const sender = new FlowControlledSender(channel, 1)
  expect(() => sender.addCredit(1)).toThrow('credit for bytes not sent')
  const closed = new FlowControlledSender(channel, 2)
  closed.close()
  closed.addCredit(0)
  expect(() => closed.addCredit(1)).toThrow('credit for bytes not sent')
})

test('after it is closed or ended, nothing leaves', () => {
  const { sent, channel } = record()
  const sender = new FlowControlledSender(channel, 1)
  sender.write(new Uint8Array(CREDIT_WINDOW_BYTES + 1))
  sender.close()
  sent.length = 0
  sender.addCredit(10)
  sender.write(new Uint8Array(1))
  sender.end()
  expect(sent).toEqual([])
  expect(sender.blocked).toBe(false)
})

test('drained resolves when the queue is sent, and when the sender is closed', async () => {
  const { channel } = record()
  const sender = new FlowControlledSender(channel, 1)
  await sender.drained()
  sender.write(new Uint8Array(CREDIT_WINDOW_BYTES + 1))
  let drained = 0
  const count = () => drained++
  const first = sender.drained().then(count)
  await Promise.resolve()
  expect(drained).toBe(0)
  sender.addCredit(1)
  await first
  sender.write(new Uint8Array(1))
  const second = sender.drained().then(count)
  sender.close()
  await second
  expect(drained).toBe(2)
})

test('a receiver gives credit in batches while something is left to read', () => {
  const { sent, channel } = record()
  const receiver = new FlowControlledReceiver(channel, 1)
  receiver.received(MAX_PAYLOAD_BYTES)
  receiver.consumed(CREDIT_BATCH_BYTES - 1, true)
  expect(sent).toEqual([])
  receiver.consumed(1, true)
  expect(sent.splice(0)).toEqual([`{"type":"credit","id":1,"bytes":${CREDIT_BATCH_BYTES}}`])
  expect(receiver.unread).toBe(MAX_PAYLOAD_BYTES - CREDIT_BATCH_BYTES)
})

test('a receiver gives credit at once when nothing is left to read', () => {
  const { sent, channel } = record()
  const receiver = new FlowControlledReceiver(channel, 1)
  receiver.received(5)
  receiver.consumed(5, true)
  expect(sent).toEqual(['{"type":"credit","id":1,"bytes":5}'])
})

test('a receiver gives no credit for a body that is complete', () => {
  const { sent, channel } = record()
  const receiver = new FlowControlledReceiver(channel, 1)
  receiver.received(MAX_PAYLOAD_BYTES)
  receiver.consumed(MAX_PAYLOAD_BYTES, false)
  expect(sent).toEqual([])
})

test('a receiver never gives more credit than was spent', () => {
  const { sent, channel } = record()
  const receiver = new FlowControlledReceiver(channel, 1)
  receiver.received(5)
  receiver.consumed(500, true)
  expect(sent).toEqual(['{"type":"credit","id":1,"bytes":5}'])
})

test('more than the window is a breach', () => {
  const { channel } = record()
  const receiver = new FlowControlledReceiver(channel, 1)
  receiver.received(CREDIT_WINDOW_BYTES)
  expect(() => receiver.received(1)).toThrow('sent without credit')
})

test('a sender and a receiver pass a body of any size', () => {
  const { sent, channel } = record()
  const sender = new FlowControlledSender(channel, 1)
  const receiver = new FlowControlledReceiver(channel, 1)
  const total = 10 * CREDIT_WINDOW_BYTES + 123
  sender.write(new Uint8Array(total))
  sender.end()
  let passed = 0
  for (let at = 0; at < sent.length; at++) {
    const message = sent[at]?.startsWith('{') ? JSON.parse(sent[at] as string) : {}
    if (message.type === 'chunk') {
      receiver.received(message.bytes)
      passed += message.bytes
      receiver.consumed(message.bytes, true)
    }
    if (message.type === 'credit') sender.addCredit(message.bytes)
  }
  expect(passed).toBe(total)
  expect(sent.at(-2)).toBe('{"type":"end","id":1}')
})
