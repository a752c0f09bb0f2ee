import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Socket } from 'bun'
import { Channel } from './channel.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** A channel over a real socket whose other end reads only while `reading`. */
async function pair() {
  const dir = mkdtempSync(join(tmpdir(), 'functions-channel-'))
  const got: Buffer[] = []
  const peer = Promise.withResolvers<Socket<unknown>>()
  const listener = Bun.listen({
    unix: join(dir, 's'),
    socket: {
      open: (socket) => peer.resolve(socket),
      data: (_socket, data) => void got.push(Buffer.from(data)),
    },
  })
  const channel = new Channel()
  let writes = 0
  const socket = await Bun.connect({
    unix: join(dir, 's'),
    socket: { data() {}, drain: () => channel.drain() },
  })
  const counted = new Proxy(socket, {
    get(target, key) {
      const value = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (key === 'write') writes++
        return Reflect.apply(value, target, args)
      }
    },
  })
  const other = await peer.promise
  cleanups.push(() => {
    channel.close()
    listener.stop(true)
    rmSync(dir, { recursive: true, force: true })
  })
  return { channel, socket: counted as Socket<unknown>, other, got, writes: () => writes }
}

async function arrived(got: Buffer[], bytes: number): Promise<Buffer> {
  const end = performance.now() + 5000
  while (got.reduce((sum, part) => sum + part.length, 0) < bytes) {
    if (performance.now() > end) throw new Error('the bytes did not arrive')
    await Bun.sleep(1)
  }
  return Buffer.concat(got)
}

test('everything of one tick leaves in one write, in order', async () => {
  const { channel, socket, got, writes } = await pair()
  channel.attach(socket)
  channel.sendLine('a\n')
  channel.sendLine('b\n')
  channel.sendBytes(Buffer.from([0xff, 0, 10]))
  channel.sendLine('c\n')
  expect(channel.pendingBytes).toBe(9)
  expect(channel.acceptedBytes).toBe(0)
  expect((await arrived(got, 9)).toString('latin1')).toBe('a\nb\n\xff\0\nc\n')
  expect(writes()).toBe(1)
  expect(channel.pendingBytes).toBe(0)
  expect(channel.acceptedBytes).toBe(9)
})

test('what was sent before there is a socket waits for it', async () => {
  const { channel, socket, got } = await pair()
  channel.sendLine('early\n')
  // Proves that nothing is accepted before the socket is attached.
  await Bun.sleep(5)
  expect(channel.acceptedBytes).toBe(0)
  channel.attach(socket)
  expect((await arrived(got, 6)).toString()).toBe('early\n')
})

test('a reader that is slow gets every byte in order, once', async () => {
  const { channel, socket, other, got } = await pair()
  channel.attach(socket)
  other.pause()
  const sent: Buffer[] = []
  for (let i = 0; i < 400; i++) {
    const line = `${JSON.stringify({ i, pad: 'x'.repeat((i * 37) % 9000) })}\n`
    const bytes = Buffer.alloc((i * 131) % 70_000, i)
    channel.sendLine(line)
    channel.sendBytes(bytes)
    sent.push(Buffer.from(line), bytes)
    if (i % 7 === 0) await Bun.sleep(0)
  }
  const all = Buffer.concat(sent)
  await Bun.sleep(20)
  expect(channel.pendingBytes).toBeGreaterThan(1024 * 1024)
  expect(channel.acceptedBytes + channel.pendingBytes).toBe(all.length)
  other.resume()
  const received = await arrived(got, all.length)
  expect(received.equals(all)).toBe(true)
  expect(channel.pendingBytes).toBe(0)
  expect(channel.acceptedBytes).toBe(all.length)
})

test('after close nothing is kept and nothing is sent', async () => {
  const { channel, socket } = await pair()
  channel.attach(socket)
  channel.close()
  channel.sendLine('late\n')
  channel.sendBytes(Buffer.from('late'))
  expect(channel.pendingBytes).toBe(0)
})
