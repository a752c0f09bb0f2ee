/**
 * The program inside a Bun worker: it speaks the protocol on descriptor 3 and runs one bundle. It is
 * passed as text on the command line, because the sandbox's user cannot read the host's files.
 */

import { writeSync } from 'node:fs'
import { Channel } from '../../src/worker/protocol/channel.ts'
import { connectFd } from '../../src/worker/protocol/connect-fd.ts'
import { encodeLine } from '../../src/worker/protocol/encode.ts'
import { FrameDecoder } from '../../src/worker/protocol/frame-decoder.ts'
import {
  CHANNEL_FD,
  EXIT_BREACH,
  MAX_LINE_BYTES,
  PROTOCOL_VERSION,
} from '../../src/worker/protocol/limits.ts'
import type { BodyMessage, HostMessage, StartDetails } from '../../src/worker/protocol/messages.ts'
import { captureConsole, captureFailures, reportDropped } from './capture.ts'
import { describeError, errorFields } from './errors.ts'
import { addCauses, FetchTable } from './fetch-table.ts'
import { Leftover } from './leftover.ts'
import { type Handler, loadHandler } from './load.ts'
import { Runs } from './runs.ts'

/** The argument of a worker without the host's network: the host makes its fetches. */
const BROKERED = 'brokered'

const channel = new Channel()
const fetches = new FetchTable(channel)
const runs: Runs = new Runs(
  channel,
  (id) => fetches.endOf(id),
  () => leftover.idle(),
)
const leftover = new Leftover(channel, fetches, runs, exitWhenWritten)

const decoder = new FrameDecoder<HostMessage>(
  {
    check: (value) => value as HostMessage,
    payloadBytes: (message) =>
      message.type !== 'credit' && 'bytes' in message ? (message.bytes ?? -1) : -1,
    deliver,
  },
  MAX_LINE_BYTES,
)

/** Delivers a message about the body of an invocation or of a fetch. */
function deliverBody(message: BodyMessage, payload: Buffer | undefined): void {
  const { id } = message
  const fetch = typeof id === 'string' ? fetches.get(id) : undefined
  const run = typeof id === 'string' ? undefined : runs.get(id)
  const body = fetch?.body ?? run?.body
  if (message.type === 'chunk') body?.push(payload as Buffer)
  else if (message.type === 'credit') (fetch ?? run)?.outgoing.addCredit(message.bytes)
  else if (message.type === 'end') fetch === undefined ? run?.body.end() : fetch.onEnd()
  else if (typeof id === 'string') fetch?.onUploadUnwanted()
  else runs.cancel(id, message.reason)
}

function deliver(message: HostMessage, payload: Buffer | undefined): void {
  switch (message.type) {
    case 'invoke':
      runs.invoke(message, payload)
      break
    case 'chunk':
    case 'end':
    case 'credit':
    case 'cancel':
      deliverBody(message, payload)
      break
    case 'disconnect':
      runs.disconnect(message.id, message.reason)
      break
    case 'fetch-response':
      fetches.onResponse(message)
      break
    case 'fetch-error':
      fetches.onError(message)
      break
    case 'ping':
      channel.sendLine(`{"type":"pong","n":${message.n}}\n`)
      break
    case 'shutdown':
      leftover.shutdown(message.grace_ms, message.reason)
      break
    case 'start':
      void start(payload as Buffer, message.limits.background_ms)
      break
    default:
      process.exit(EXIT_BREACH)
  }
}

async function start(payload: Buffer, backgroundMs: number): Promise<void> {
  const began = performance.now()
  const newline = payload.indexOf(10)
  const details = JSON.parse(payload.toString('latin1', 0, newline)) as StartDetails
  captureConsole(channel)
  captureFailures(channel, runs)
  if (process.argv.includes(BROKERED)) fetches.install()
  else addCauses()
  let handler: Handler
  try {
    handler = await loadHandler(payload.toString('utf8', newline + 1), details)
  } catch (cause) {
    const error = describeError(cause)
    channel.sendLine(
      encodeLine({ type: 'error', code: 'BUNDLE_LOAD_ERROR', ...errorFields(error) }),
    )
    exitWhenWritten(1)
    return
  }
  runs.serve(handler, details)
  const initUs = Math.round((performance.now() - began) * 1000)
  const engine = `bun/${Bun.version}`
  channel.sendLine(
    encodeLine({ type: 'ready', protocol: PROTOCOL_VERSION, engine, init_us: initUs }),
  )
  fetches.ready()
  channel.flush()
  leftover.loaded(backgroundMs)
}

function exitWhenWritten(status: number): void {
  reportDropped(channel)
  channel.flush()
  if (channel.pendingBytes === 0) process.exit(status)
  setTimeout(() => exitWhenWritten(status), 2)
}

const socket = await connectFd(CHANNEL_FD, undefined, {
  data(_socket, data) {
    decoder.push(data)
  },
  drain() {
    channel.drain()
  },
  close() {
    process.exit(0)
  },
  error(_socket, cause) {
    // An exception here is a bug of the runner or of the host, so it goes to the operator's log.
    // After the start process.stderr leads to the channel, which is lost.
    try {
      writeSync(2, `${cause.stack}\n`)
    } finally {
      process.exit(EXIT_BREACH)
    }
  },
})
channel.attach(socket)
