import { expect, test } from 'bun:test'
import { boundedRequest } from './bounded-body.ts'

const limits = { maxBytes: 10, maxMs: 60_000 }

function post(body: string | ReadableStream<Uint8Array>, headers: Record<string, string> = {}) {
  return new Request('http://api/', { method: 'POST', body, headers })
}

function chunks(...texts: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const text of texts) controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })
}

test('a body within the limits passes, and its end is reported', async () => {
  let read = 0
  const bounded = boundedRequest(post(chunks('12345', '67890')), limits, () => read++)
  expect(bounded.complete()).toBe(false)
  expect(await bounded.request.text()).toBe('1234567890')
  expect([read, bounded.complete(), bounded.exceeded()]).toEqual([1, true, undefined])
  const { request } = boundedRequest(post('{}', { 'x-a': 'b' }), limits, () => {})
  expect([request.method, request.url, request.headers.get('x-a')]).toEqual([
    'POST',
    'http://api/',
    'b',
  ])
  const empty = boundedRequest(new Request('http://api/'), limits, () => {})
  expect(empty.complete()).toBe(true)
})

test('a body that is too long is refused, declared or not', async () => {
  const declared = boundedRequest(post('x', { 'content-length': '11' }), limits, () => {})
  expect(declared.exceeded()?.code).toBe('PAYLOAD_TOO_LARGE')
  declared.end()
  const streamed = boundedRequest(post(chunks('12345', '678901')), limits, () => {})
  expect(streamed.exceeded()).toBeUndefined()
  await expect(streamed.request.text()).rejects.toThrow('at most 10 bytes')
  expect(streamed.exceeded()?.code).toBe('PAYLOAD_TOO_LARGE')
})

test('a body that does not end is refused', async () => {
  const endless = new ReadableStream<Uint8Array>({ start() {} })
  const bounded = boundedRequest(post(endless), { ...limits, maxMs: 1 }, () => {})
  await expect(bounded.request.text()).rejects.toThrow('was not complete')
  expect(bounded.exceeded()?.code).toBe('CLIENT_TIMEOUT')
})
