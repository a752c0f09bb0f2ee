/** On real connections, whose bytes nobody reads. */
import { describe, expect, test } from 'bun:test'
import { connect, createServer, type Socket } from 'node:net'
import { eventually } from '../testing/eventually.ts'
import { queueOf, sendQueues } from './send-queues.ts'

describe.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::', '127.0.0.1'],
  ['::1', '::1'],
])('a listener on %s, reached at %s', (listen, address) => {
  test('shows what a peer has not acknowledged', async () => {
    const accepted: Socket[] = []
    const server = createServer((socket) => accepted.push(socket)).listen(0, listen)
    await new Promise((done) => server.once('listening', done))
    const { port } = server.address() as { port: number }
    const client = connect(port, address)
    client.pause()
    await eventually('it is connected', () => accepted.length === 1)
    const [socket] = accepted as [Socket]
    const peer = { address: socket.remoteAddress as string, port: socket.remotePort as number }
    const queued = async () => queueOf(await sendQueues(port), peer)
    expect(await queued()).toBe(0)
    socket.write(new Uint8Array(32 * 2 ** 20))
    await eventually('bytes wait', async () => ((await queued()) ?? 0) > 10_000)
    client.destroy()
    await eventually('the connection is gone', async () => {
      socket.destroy()
      return ((await queued()) ?? 0) === 0
    })
    server.close()
  })
})

test('a peer without a connection, or without an address, has no queue', async () => {
  const queues = await sendQueues(1)
  expect(queueOf(queues, { address: '192.0.2.1', port: 1 })).toBeUndefined()
  expect(queueOf(queues, { address: 'not an address', port: 1 })).toBeUndefined()
})
