/** Message channels, and transfer through them or by structuredClone. */
import { describe, expect, test } from 'bun:test'
import { inOwnWorker, inWorker, useTemplate } from './harness.ts'

describe('message channels', () => {
  inWorker({
    'a message is cloned, and arrives in its own task': async () => {
      const { port1, port2 } = new MessageChannel()
      const log: unknown[] = []
      const sent = { list: [1], map: new Map([['a', new Date(5)]]) }
      const arrived = new Promise<MessageEvent>((resolve) => {
        port2.onmessage = resolve as never
      })
      port1.postMessage(sent)
      sent.list.push(2)
      queueMicrotask(() => log.push('job'))
      const event = await arrived
      log.push('message')
      same(log, ['job', 'message'])
      same(event.data, { list: [1], map: new Map([['a', new Date(5)]]) })
      same([event.type, event.isTrusted, event.origin, event.source], ['message', true, '', null])
      same([event.ports.length, event.target === port2], [0, true])
    },
    'messages wait in order for the start of the port': async () => {
      const { port1, port2 } = new MessageChannel()
      const log: unknown[] = []
      port2.addEventListener('message', (event) => log.push((event as MessageEvent).data))
      for (let i = 0; i < 3; i++) port1.postMessage(i)
      await new Promise((resolve) => setTimeout(resolve, 5))
      same(log, [])
      port2.start()
      port2.start()
      port1.postMessage(3)
      await new Promise((resolve) => setTimeout(resolve, 5))
      same(log, [0, 1, 2, 3])
    },
    'close ends both sides, after what was sent before': async () => {
      const { port1, port2 } = new MessageChannel()
      const log: unknown[] = []
      port2.onmessage = (event) => log.push(event.data)
      ;(port2 as never as { onclose: unknown }).onclose = (event: Event) => log.push(event.type)
      port1.postMessage('before')
      port1.close()
      port1.close()
      port1.postMessage('after')
      port2.postMessage('to nobody')
      await new Promise((resolve) => setTimeout(resolve, 5))
      same(log, ['before', 'close'])
      throws(() => structuredClone(port1, { transfer: [port1] }), 'DataCloneError')
    },
    'a transferred port takes what waits in it along': async () => {
      const { port1, port2 } = new MessageChannel()
      const carrier = new MessageChannel()
      port1.postMessage('waiting')
      const arrived = new Promise<MessageEvent>((resolve) => {
        carrier.port2.onmessage = resolve as never
      })
      carrier.port1.postMessage({ port: port2 }, [port2])
      const event = await arrived
      const moved = event.ports[0] as MessagePort
      same([event.data.port === moved, moved === port2, event.ports.length], [true, false, 1])
      same(Object.isFrozen(event.ports), true)
      const log: unknown[] = []
      moved.onmessage = ({ data }) => log.push(data)
      port1.postMessage('later')
      port2.postMessage('from a port that is no more')
      await new Promise((resolve) => setTimeout(resolve, 5))
      same(log, ['waiting', 'later'])
      throws(() => carrier.port1.postMessage(0, [port2]), 'DataCloneError')
    },
    'what cannot be sent leaves all as it was': () => {
      const { port1, port2 } = new MessageChannel()
      const buffer = new ArrayBuffer(4)
      throws(() => port1.postMessage(() => 1, [buffer]), 'DataCloneError')
      same(buffer.byteLength, 4)
      throws(() => port1.postMessage(port2), 'DataCloneError')
      throws(() => port1.postMessage(0, [port1]), 'DataCloneError')
      throws(() => port1.postMessage(0, [buffer, buffer]), 'DataCloneError')
      throws(() => port1.postMessage(0, [new Blob([])] as never), 'DataCloneError')
      throws(() => port1.postMessage(0, [1] as never), 'TypeError')
      throws(() => port1.postMessage(0, 1 as never), 'TypeError')
      throws(() => port1.postMessage(0, { transfer: 1 } as never), 'TypeError')
      // @ts-expect-error no message
      throws(() => port1.postMessage(), 'TypeError')
      throws(() => MessagePort.prototype.postMessage.call({} as never, 1), 'TypeError')
      throws(() => new (MessagePort as never as new () => unknown)(), 'TypeError')
    },
    'MessageEvent, as scripts make it': () => {
      const { port1 } = new MessageChannel()
      const event = new MessageEvent('x', {
        data: 1,
        origin: '\ud800',
        lastEventId: 'i',
        source: port1,
        ports: [port1],
      } as never)
      same([event.data, event.origin, event.lastEventId], [1, '\ufffd', 'i'])
      same([(event.source as unknown) === port1, event.ports[0] === port1], [true, true])
      same([new MessageEvent('x').data, new MessageEvent('x').ports.length], [null, 0])
      throws(() => new MessageEvent('x', { source: {} as never }), 'TypeError')
      throws(() => new MessageEvent('x', { ports: [{}] } as never), 'TypeError')
      throws(() => new MessageEvent('x', { ports: 1 } as never), 'TypeError')
      const old = event as never as { initMessageEvent(...args: unknown[]): void }
      old.initMessageEvent('y', true, false, 2)
      same([event.type, event.bubbles, event.data, event.source], ['y', true, 2, null])
    },
  })
})

describe('transferred streams', () => {
  inWorker({
    'a ReadableStream, whose chunks are clones': async () => {
      const chunk = { list: [1] }
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(chunk)
          controller.enqueue('b')
          controller.close()
        },
      })
      const moved = structuredClone(stream, { transfer: [stream] })
      same([stream.locked, moved.locked, moved instanceof ReadableStream], [true, false, true])
      const reader = moved.getReader()
      const { value } = await reader.read()
      same([value === chunk, value], [false, { list: [1] }])
      same([(await reader.read()).value, (await reader.read()).done], ['b', true])
      throws(() => structuredClone(stream, { transfer: [stream] }), 'DataCloneError')
      throws(() => structuredClone(moved, { transfer: [moved] }), 'DataCloneError')
      throws(() => structuredClone(new ReadableStream()), 'DataCloneError')
    },
    'a chunk that cannot be cloned breaks it at both ends': async () => {
      let reason: unknown
      const stream = new ReadableStream({
        start: (controller) => controller.enqueue(() => 1),
        cancel: (why) => {
          reason = why
        },
      })
      const moved = structuredClone(stream, { transfer: [stream] })
      await rejects(moved.getReader().read(), 'DataCloneError')
      await new Promise((resolve) => setTimeout(resolve, 5))
      same((reason as DOMException).name, 'DataCloneError')
    },
    'a WritableStream, and a TransformStream, in a message': async () => {
      const written: unknown[] = []
      const writable = new WritableStream({
        write: (chunk) => {
          written.push(chunk)
        },
        close: () => {
          written.push('closed')
        },
      })
      const transform = new TransformStream({
        transform: (chunk, controller) => controller.enqueue(`${chunk}!`),
      })
      const { port1, port2 } = new MessageChannel()
      const arrived = new Promise<MessageEvent>((resolve) => {
        port2.onmessage = resolve as never
      })
      port1.postMessage({ writable, transform }, [writable, transform as never])
      const { data, ports } = await arrived
      same([ports.length, data.writable instanceof WritableStream], [0, true])
      same(data.transform instanceof TransformStream, true)
      const source = new ReadableStream({
        start(controller) {
          controller.enqueue('a')
          controller.close()
        },
      })
      await source.pipeThrough(data.transform as never).pipeTo(data.writable)
      await new Promise((resolve) => setTimeout(resolve, 5))
      same(written, ['a!', 'closed'])
    },
  })
})

describe('changed prototypes', () => {
  inOwnWorker({
    'message channels do without what a function changed': async () => {
      const bad = () => {
        throw new Error('hijacked')
      }
      const { port1, port2 } = new MessageChannel()
      const arrived = new Promise<MessageEvent>((resolve) => {
        port2.onmessage = resolve as never
      })
      const moved = new MessageChannel().port1
      const stream = new ReadableStream()
      const list = [moved, stream]
      const own = Array.prototype[Symbol.iterator]
      const iterator = own.call(list)
      Object.defineProperty(list, Symbol.iterator, { value: () => iterator })
      for (const { prototype } of [Map, WeakMap, Set, WeakSet]) {
        for (const name of ['get', 'set', 'has', 'add', 'delete']) {
          if (name in prototype) Object.defineProperty(prototype, name, { value: bad })
        }
      }
      for (const name of ['push', 'includes', 'slice', Symbol.iterator]) {
        Object.defineProperty(Array.prototype, name, { value: bad })
      }
      Object.defineProperty(globalThis, 'setTimeout', { value: bad })
      Object.defineProperty(EventTarget.prototype, 'dispatchEvent', { value: bad })
      port1.postMessage({ moved, stream, deep: { a: 1 } }, list as never)
      const event = await arrived
      if (event.ports.length !== 1 || event.data.deep.a !== 1) throw new Error('the message')
    },
  })
})

const template = useTemplate()

test('unreachable ports and messages leave nothing behind', async () => {
  const worker = await template().worker({
    bundle: `export default async () => {
      for (let i = 0; i < 4_000; i++) {
        const { port1, port2 } = new MessageChannel()
        if (i % 2) port2.onmessage = () => port2.close()
        port1.postMessage({ text: 'x'.repeat(100) }, [new ArrayBuffer(100)])
        try { structuredClone(() => 1) } catch {}
        if (i % 500 === 0) await new Promise((resolve) => setTimeout(resolve))
      }
      await new Promise((resolve) => setTimeout(resolve))
      return new Response('ok')
    }`,
  })
  const heap = async () => {
    const { messages, text } = await worker.invoke({ cpuMs: 60_000, deadlineMs: 60_000 })
    expect(text).toBe('ok')
    return messages.find(({ type }) => type === 'done')?.heap_bytes as number
  }
  // The time of a collection varies, so the smallest of three measurements counts.
  const smallest = async () => Math.min(await heap(), await heap(), await heap())
  const before = await smallest()
  const after = await smallest()
  worker.close()
  // 4,000 of either would take megabytes.
  expect(after - before).toBeLessThan(200_000)
})
