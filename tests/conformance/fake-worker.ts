/**
 * A worker that sends what its bundle says. It replaces the launcher, announces itself, and runs the
 * bundle as code with `send`, `raw` and `on`, with which the bundle can break the protocol.
 */

import { Channel } from '../../src/worker/protocol/channel.ts'
import { connectFd } from '../../src/worker/protocol/connect-fd.ts'

const channel = new Channel()
let received = Buffer.alloc(0)
let payload = 0
let listener: (message: Record<string, unknown>) => void = () => {}

const socket = await connectFd(3, undefined, {
  data(_socket, data) {
    received = Buffer.concat([received, data])
    while (next());
  },
  drain: () => channel.drain(),
  close: () => process.exit(0),
})

channel.attach(socket)
const raw = (data: string | Buffer) => channel.sendBytes(Buffer.from(data as string))
const send = (message: object, bytes = '') => raw(`${JSON.stringify(message)}\n${bytes}`)
/** Answers as every worker does, then gives the message to the bundle. */
const on = (heard: typeof listener) => {
  listener = heard
}

send({ type: 'launched', pid: process.pid, layers: ['fake'] })

function next(): boolean {
  const newline = received.indexOf(10)
  if (newline === -1) return false
  const message = JSON.parse(received.toString('latin1', 0, newline))
  payload = message.type === 'credit' ? 0 : (message.bytes ?? 0)
  if (received.length < newline + 1 + payload) return false
  const bytes = received.subarray(newline + 1, newline + 1 + payload)
  received = Buffer.from(received.subarray(newline + 1 + payload))
  if (message.type === 'start') {
    const code = bytes.toString('utf8', bytes.indexOf(10) + 1)
    new Function('send', 'raw', 'on', 'socket', code)(send, raw, on, socket)
  } else {
    listener(message)
  }
  return true
}
