import { expect, test } from 'bun:test'
import { connect, createServer, type Socket } from 'node:net'
import { namedProfile } from '../capabilities/profiles.ts'
import { PrivateAllowance } from './addresses.ts'
import { Connection } from './connection.ts'
import { checkTarget } from './target.ts'

const limits = { maxHeaderBytes: 1024, headTimeoutMs: 5000, bodyTimeoutMs: 5000, keepAliveMs: 5000 }

test('an exception of the library at what an upstream sent ends the connection alone', async () => {
  const server = createServer((peer) => peer.on('error', () => {})).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const socket = await new Promise<Socket>((resolve) => {
    const made = connect({ host: '127.0.0.1', port }, () => resolve(made))
  })
  const url = new URL(`http://127.0.0.1:${port}/`)
  const allowance = new PrivateAllowance([`127.0.0.1:${port}`])
  const target = checkTarget(url, namedProfile('permissive', 'default'), allowance)
  const connection = new Connection({ socket, address: '127.0.0.1' }, target, limits)
  const answer = Promise.withResolvers<Error>()
  const handler = {
    onRequestStart() {},
    onResponseStart() {},
    onResponseData() {},
    onResponseEnd() {},
    onResponseError: (_: unknown, cause: Error) => answer.resolve(cause),
  }
  connection.send({ path: '/', method: 'GET', headers: [] }, handler as never)
  socket.on('probe', () => {
    throw new Error('an assertion of the library')
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(() => socket.emit('probe')).not.toThrow()
  expect((await answer.promise).message).toContain('assertion')
  expect(socket.destroyed).toBe(true)
  server.close()
})
