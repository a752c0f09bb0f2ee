/** Sends the golden frames to real workers of both runtimes: what they answer, and when they end. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Socket, Subprocess } from 'bun'
import index from '../../protocol/golden/index.json'
import { connectFd } from '../../src/worker/protocol/connect-fd.ts'
import { CHANNEL_FD, EXIT_BREACH } from '../../src/worker/protocol/limits.ts'
import { validateWorkerMessage } from '../../src/worker/protocol/validate-message.ts'
import { Frames, Inbox, type Message, Outbox } from './frames.ts'
import { startZygote, type TestZygote } from './harness.ts'

const GOLDEN = join(import.meta.dir, '../../protocol/golden')
const RUNNER = join(import.meta.dir, '../../guest/bun/main.ts')
const read = (file: string) => new Uint8Array(readFileSync(join(GOLDEN, file)))

/** A worker that has been sent the golden start. */
interface Peer {
  inbox: Inbox
  payloads: Map<Message, Uint8Array>
  send(bytes: Uint8Array): void
  /** The status with which it exits. */
  exited(): Promise<number>
  close(): void
}

let zygote: TestZygote
beforeAll(async () => {
  zygote = await startZygote()
})
afterAll(() => zygote.close())

async function startQuickJS(): Promise<Peer> {
  const worker = await zygote.connect()
  const payloads = new Map<Message, Uint8Array>()
  worker.watch((message, bytes) => payloads.set(message, bytes))
  worker.sendRaw(read('host/start.frames'))
  return {
    inbox: worker.inbox,
    payloads,
    send: (bytes) => worker.sendRaw(bytes),
    exited: async () => (await zygote.exited(worker)).status as number,
    close: () => worker.close(),
  }
}

async function startBun(): Promise<Peer> {
  const inbox = new Inbox()
  const payloads = new Map<Message, Uint8Array>()
  const outbox = new Outbox()
  const frames = new Frames((message, bytes) => {
    payloads.set(message, bytes)
    inbox.push(message)
  })
  const process: Subprocess = Bun.spawn([globalThis.process.execPath, RUNNER, 'brokered'], {
    env: { BUN_BE_BUN: '1' },
    stdio: ['ignore', 'ignore', 'ignore', 'socket-fd'],
  })
  const socket: Socket<undefined> = await connectFd(
    process.stdio[CHANNEL_FD] as number,
    undefined,
    {
      data: (_socket, data) => frames.push(data),
      drain: () => outbox.drain(),
      close: () => inbox.close(),
    },
  )
  outbox.attach(socket)
  outbox.send(read('host/start.frames'))
  return {
    inbox,
    payloads,
    send: (bytes) => outbox.send(bytes),
    exited: () => process.exited,
    close: () => socket.terminate(),
  }
}

/** The part that does not depend on the runtime: bodies are joined, measurements and texts are removed. */
function essence(messages: { message: Message; bytes: Uint8Array }[]): object[] {
  const bodies = new Map<unknown, { body: string }>()
  const result: object[] = []
  for (const { message, bytes } of messages) {
    const { type, id } = message
    const text = Buffer.from(bytes).toString('latin1')
    if (type === 'response') {
      const response = { type, id, status: message.status, headers: message.headers, body: text }
      bodies.set(id, response)
      result.push(response)
    } else if (type === 'chunk') {
      const response = bodies.get(id)
      if (response !== undefined) response.body += text
    } else if (type === 'fetch') {
      const { method, url, redirect, end, invocation } = message
      result.push({ type, id, invocation, method, url, redirect, end })
    } else if (type === 'error') {
      result.push({ type, id, code: message.code })
    } else if (type === 'done') {
      result.push({ type, id })
    } else if (type !== 'end' && type !== 'credit') {
      result.push(message)
    }
  }
  // Only the order within one id is defined.
  const idOf = (message: object) => `${(message as Message).id ?? ''}`
  return result.sort((a, b) => idOf(a).localeCompare(idOf(b)))
}

function parse(bytes: Uint8Array): { message: Message; bytes: Uint8Array }[] {
  const messages: { message: Message; bytes: Uint8Array }[] = []
  new Frames((message, payload) => messages.push({ message, bytes: payload })).push(bytes)
  return messages
}

describe.each([
  ['quickjs-ng', startQuickJS],
  ['bun', startBun],
] as const)('a %s worker', (runtime, start) => {
  test.each(index.conversations.map((conversation) => [conversation.shows, conversation] as const))(
    'receives %s',
    async (_shows, conversation) => {
      const peer = await start()
      await peer.inbox.find(({ type }) => type === 'ready')
      for (const step of conversation.steps) {
        const from = peer.inbox.all.length
        const expected = essence(parse(read(step.answer)))
        peer.send(read(step.send))
        const answer = () =>
          essence(
            peer.inbox.all
              .slice(from)
              .map((message) => ({ message, bytes: peer.payloads.get(message) as Uint8Array })),
          )
        await peer.inbox.find(() => answer().length >= expected.length)
        expect(answer()).toEqual(expected)
      }
      for (const message of peer.inbox.all) {
        if (message.type !== 'accepted') validateWorkerMessage(message)
      }
      if ('exits' in conversation) expect(await peer.exited()).toBe(conversation.exits as number)
      peer.close()
    },
  )

  const breaches = index.frames.filter(({ endsWorkers }) => endsWorkers?.includes(runtime))
  test.each(breaches.map(({ shows, file }) => [shows, file] as const))(
    'ends itself after %s',
    async (_shows, file) => {
      const peer = await start()
      await peer.inbox.find(({ type }) => type === 'ready')
      peer.send(read(file))
      expect(await peer.exited()).toBe(EXIT_BREACH)
      peer.close()
    },
  )
})
