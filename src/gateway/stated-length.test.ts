import { describe, expect, test } from 'bun:test'
import type { HeaderList, ResponseHead } from '../worker/worker.ts'
import { BodyLength, CollectedBody, statedLength } from './stated-length.ts'

describe('a stated length', () => {
  test.each([
    [[['Content-Length', '10']], 10],
    [[['content-length', '0']], 0],
    [[['content-length', '-1']], undefined],
    [[['content-length', '1e3']], undefined],
    [[['content-length', '9'.repeat(16)]], undefined],
    [[['x-length', '10']], undefined],
  ] as [HeaderList, number | undefined][])('of %j is %p', (headers, length) => {
    expect(statedLength(headers)).toBe(length)
  })

  test('counts to its end, and not beyond', () => {
    const length = new BodyLength(10)
    expect([length.add(4), length.complete]).toEqual([true, false])
    expect([length.add(6), length.complete]).toEqual([true, true])
    expect([length.add(1), length.complete]).toEqual([false, false])
  })
})

describe('a collected body', () => {
  const head: ResponseHead = { status: 200, headers: [], body: undefined, end: false, length: 4 }

  test('is whole in the end', () => {
    const body = new CollectedBody(head, 4)
    expect(body.add(new Uint8Array([1, 2]))).toBe(true)
    expect(body.length.complete).toBe(false)
    expect(body.add(new Uint8Array([3, 4]))).toBe(true)
    expect(body.response).toMatchObject({ body: new Uint8Array([1, 2, 3, 4]), end: true })
  })

  test('takes no more than was stated, whatever a worker sends', () => {
    const body = new CollectedBody(head, 4)
    expect(body.add(new Uint8Array(3))).toBe(true)
    expect(body.add(new Uint8Array(65_536))).toBe(false)
  })
})
