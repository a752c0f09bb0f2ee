/** The golden frames at the host: what a worker sends is read, and what the host sends is written. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import index from '../../../protocol/golden/index.json'
import { outOfDate } from '../../../scripts/generate-protocol.ts'
import { encodeLine } from './encode.ts'
import { FrameDecoder } from './frame-decoder.ts'
import { ProtocolBreach, type WorkerMessage } from './messages.ts'
import { encodeStart } from './start-message.ts'
import { validateWorkerMessage, workerPayloadBytes } from './validate-message.ts'

const GOLDEN = join(import.meta.dir, '../../../protocol/golden')
const read = (file: string) => readFileSync(join(GOLDEN, file))
const frames = (direction: string, valid: boolean) =>
  index.frames.filter((golden) => golden.direction === direction && golden.valid === valid)

function decode(bytes: Buffer): { messages: WorkerMessage[]; whole: boolean } {
  const messages: WorkerMessage[] = []
  const decoder = new FrameDecoder<WorkerMessage>({
    check: validateWorkerMessage,
    payloadBytes: workerPayloadBytes,
    deliver: (message) => messages.push(message),
  })
  decoder.push(bytes)
  return { messages, whole: decoder.idle }
}

test('everything that is generated from protocol/ is up to date', () => {
  expect(outOfDate()).toEqual([])
})

test.each(frames('worker-to-host', true).map(({ shows, file }) => [shows, file]))(
  'takes %s',
  (_shows, file) => {
    const { messages, whole } = decode(read(file as string))
    expect(messages).toHaveLength(1)
    expect(whole).toBe(true)
  },
)

test.each(frames('worker-to-host', false).map(({ shows, file, breach }) => [shows, file, breach]))(
  'refuses %s',
  (_shows, file, breach) => {
    const read_ = () => decode(read(file as string))
    expect(read_).toThrow(ProtocolBreach)
    expect(read_).toThrow(breach as string)
  },
)

test.each(index.conversations.flatMap(({ steps }) => steps.map(({ answer }) => [answer])))(
  'takes %s',
  (file) => {
    expect(decode(read(file as string)).whole).toBe(true)
  },
)

test.each(frames('host-to-worker', true).map(({ file }) => [file]))(
  'writes the line of %s byte for byte',
  (file) => {
    const bytes = read(file as string)
    const line = bytes.subarray(0, bytes.indexOf(10) + 1).toString('latin1')
    expect(encodeLine(JSON.parse(line))).toBe(line)
  },
)

test('encodes the golden start byte for byte', () => {
  const golden = read('host/start.frames')
  const newline = golden.indexOf(10)
  const message = JSON.parse(golden.toString('latin1', 0, newline))
  const payload = golden.subarray(newline + 1)
  const details = JSON.parse(payload.toString('latin1', 0, payload.indexOf(10)))
  const spec = {
    functionName: details.function,
    functionId: details.function_id,
    project: details.project,
    version: details.version,
    handler: details.handler,
    env: details.env,
    capabilities: message.capabilities,
  }
  const { load_ms, load_cpu_ms, background_ms, background_cpu_percent } = message.limits
  const load = {
    loadMs: load_ms,
    loadCpuMs: load_cpu_ms,
    backgroundMs: background_ms,
    backgroundCpuPercent: background_cpu_percent,
  }
  const bundle = payload.subarray(payload.indexOf(10) + 1)
  const { line, bytes } = encodeStart(spec as never, message.worker, load, bundle)
  expect(Buffer.concat([Buffer.from(line, 'latin1'), ...bytes]).equals(golden)).toBe(true)
})
