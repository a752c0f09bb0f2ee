/** Request bodies that are written to a second worker, because the first one was lost. */
import { describe, expect, test } from 'bun:test'
import { FakeInvocation } from '../testing/fake-worker.ts'
import { REPLAY_BYTES, ReplayBuffer, ReplayMemory } from './replay-buffer.ts'
import { RequestBody } from './request-body.ts'

const LIMIT = 10 * 2 ** 20

class Upload {
  readonly events: string[] = []
  readonly memory: ReplayMemory
  readonly body: RequestBody
  controller!: ReadableStreamDefaultController<Uint8Array>

  constructor(length?: number, memory: ReplayMemory | undefined = new ReplayMemory(2 ** 20)) {
    this.memory = memory
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.controller = controller
      },
    })
    const owner = {
      tooLarge: () => this.events.push('too large'),
      disconnected: () => this.events.push('disconnected'),
      moved: () => {},
    }
    this.body = new RequestBody(stream, length, LIMIT, owner, memory)
  }

  send(size: number, value = 1): void {
    this.controller.enqueue(new Uint8Array(size).fill(value))
  }
}

function invocation(): FakeInvocation {
  const nothing = {} as never
  return new FakeInvocation(1, nothing, nothing, nothing)
}

const turns = () => Bun.sleep(1)
const bytesOf = ({ written }: FakeInvocation) => Buffer.concat(written)

describe('a request body', () => {
  test('is written to the second invocation from its start, and goes on there', async () => {
    const upload = new Upload()
    upload.send(10, 1)
    expect((await upload.body.opening())?.length).toBe(10)
    const first = invocation()
    void upload.body.pump(first)
    upload.send(20, 2)
    upload.send(30, 3)
    await turns()
    expect(bytesOf(first).length).toBe(50)
    upload.body.rewind()
    upload.send(40, 4)
    await turns()
    expect(bytesOf(first).length).toBe(50)
    const second = invocation()
    void upload.body.pump(second)
    upload.controller.close()
    await turns()
    expect(bytesOf(second).toString('latin1')).toBe(
      '\x02'.repeat(20) + '\x03'.repeat(30) + '\x04'.repeat(40),
    )
    expect([first.ended, second.ended]).toEqual([false, true])
    expect(upload.body.obstacle).toBeUndefined()
    expect(upload.events).toEqual([])
  })

  test('that was complete is written to the second invocation with its end', async () => {
    const upload = new Upload()
    await upload.body.opening()
    const first = invocation()
    void upload.body.pump(first)
    upload.send(20)
    upload.controller.close()
    await turns()
    expect(first.ended).toBe(true)
    upload.body.rewind()
    const second = invocation()
    void upload.body.pump(second)
    await turns()
    expect([bytesOf(second).length, second.ended]).toEqual([20, true])
  })

  test('that waits for the first invocation to take more goes on with the second', async () => {
    const upload = new Upload()
    await upload.body.opening()
    const first = invocation()
    first.takes = false
    void upload.body.pump(first)
    upload.send(20)
    upload.send(30)
    await turns()
    expect(bytesOf(first).length).toBe(20)
    upload.body.rewind()
    const second = invocation()
    void upload.body.pump(second)
    await turns()
    expect(bytesOf(second).length).toBe(50)
  })

  test('that breaks off between two invocations is a disconnect of the second', async () => {
    const upload = new Upload()
    await upload.body.opening()
    void upload.body.pump(invocation())
    await turns()
    upload.body.rewind()
    upload.controller.error(new Error('reset'))
    await turns()
    expect(upload.events).toEqual([])
    void upload.body.pump(invocation())
    await turns()
    expect(upload.events).toEqual(['disconnected'])
  })

  test.each([
    [REPLAY_BYTES, undefined],
    [REPLAY_BYTES + 1, 'its body is larger than 64 KiB'],
  ])('of %d bytes: obstacle %p', async (size, obstacle) => {
    for (const declared of [size, undefined]) {
      const upload = new Upload(declared)
      await upload.body.opening()
      void upload.body.pump(invocation())
      for (let left = size; left > 0; left -= 8192) upload.send(Math.min(left, 8192))
      upload.controller.close()
      await turns()
      expect(upload.body.obstacle).toBe(obstacle as never)
      upload.body.forget()
      expect(upload.memory.left).toBe(2 ** 20)
    }
  })

  test('of which the handler discarded a part cannot be written again', async () => {
    const upload = new Upload()
    await upload.body.opening()
    void upload.body.pump(invocation())
    upload.send(10)
    await turns()
    upload.body.stop()
    expect(upload.body.obstacle).toBe('a part of its body was discarded')
    expect(upload.memory.left).toBe(2 ** 20)
  })

  test('is not held without memory for it', async () => {
    const upload = new Upload(undefined, new ReplayMemory(10_000))
    await upload.body.opening()
    const first = invocation()
    void upload.body.pump(first)
    upload.send(20_000)
    await turns()
    expect(bytesOf(first).length).toBe(20_000)
    expect(upload.body.obstacle).toBe('the service held too many other request bodies')
    expect(upload.memory.left).toBe(10_000)
  })
})

test('a body in parts of one byte takes no more memory than one in a single part', () => {
  const memory = new ReplayMemory(2 * REPLAY_BYTES)
  const buffer = new ReplayBuffer(memory)
  for (let i = 0; i < REPLAY_BYTES; i++) buffer.add(Uint8Array.of(i))
  expect(memory.left).toBe(REPLAY_BYTES)
  const bytes = buffer.bytes() as Uint8Array
  expect(bytes.every((byte, i) => byte === (i & 255))).toBe(true)
  bytes.fill(0)
  expect(buffer.bytes()?.[1]).toBe(1)
  buffer.free()
  expect(memory.left).toBe(2 * REPLAY_BYTES)
})
