/** Random numbers and the comparison in constant time. */

import { equal } from 'fn:hash'
import { Buffer } from 'node:buffer'
import { type Bytes, isBytes, viewOf } from './bytes.ts'
import {
  argType,
  coded,
  MAX_INT32,
  needBoolean,
  needFunction,
  needInteger,
  needObject,
  outOfRange,
} from './errors.ts'

const MAX_AT_ONCE = 65_536
const MAX_RANGE = 2 ** 48 - 1

type Callback<T> = (error: Error | null, value?: T) => void

/** Calls back when the code that called has ended, as Node does. */
export function later<T>(done: Callback<T>, value: T): undefined {
  queueMicrotask(() => done(null, value))
}

function fill(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += MAX_AT_ONCE) {
    const part = bytes.subarray(at, at + MAX_AT_ONCE) as Uint8Array<ArrayBuffer>
    globalThis.crypto.getRandomValues(part)
  }
}

export const getRandomValues = <T extends ArrayBufferView>(view: T): T =>
  globalThis.crypto.getRandomValues(view as never) as unknown as T

export function randomBytes(size: number, done?: Callback<Buffer>): Buffer | undefined {
  needInteger(size, 'size', 0, MAX_INT32)
  if (done !== undefined) needFunction(done, 'callback')
  const bytes = Buffer.alloc(size)
  fill(bytes)
  return done === undefined ? bytes : later(done, bytes)
}

/** The part that `offset` and `size` name, in elements of a typed array. */
function partOf(target: Bytes, offset: number, size: number | undefined): Uint8Array {
  const bytes = viewOf(target)
  const unit = (target as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1
  needInteger(offset, 'offset', 0, bytes.length / unit)
  const from = offset * unit
  if (size === undefined) return bytes.subarray(from)
  needInteger(size, 'size', 0, MAX_INT32)
  const end = from + size * unit
  if (end > bytes.length) {
    throw outOfRange('size + offset', `<= ${bytes.length / unit}`, size + offset)
  }
  return bytes.subarray(from, end)
}

export function randomFillSync<T extends Bytes>(target: T, offset = 0, size?: number): T {
  if (!isBytes(target)) {
    throw argType('buf', 'an instance of ArrayBuffer or ArrayBufferView', target)
  }
  fill(partOf(target, offset, size))
  return target
}

export function randomFill<T extends Bytes>(target: T, ...rest: unknown[]): void {
  const done = rest.pop() as Callback<T>
  if (!isBytes(target)) {
    throw argType('buf', 'an instance of ArrayBuffer or ArrayBufferView', target)
  }
  needFunction(done, 'callback')
  later(done, randomFillSync(target, ...(rest as [number?, number?])))
}

export function randomUUID(options?: { disableEntropyCache?: boolean }): string {
  if (options !== undefined) {
    const { disableEntropyCache } = needObject(options, 'options')
    if (disableEntropyCache !== undefined) {
      needBoolean(disableEntropyCache, 'options.disableEntropyCache')
    }
  }
  return globalThis.crypto.randomUUID()
}

function needSafe(value: unknown, name: string): asserts value is number {
  if (!Number.isSafeInteger(value)) throw argType(name, 'a safe integer', value)
}

/** A uniformly distributed integer from `min` up to, but not including, `max`. */
export function randomInt(...given: unknown[]): number | undefined {
  const done = typeof given.at(-1) === 'function' ? (given.pop() as Callback<number>) : undefined
  if (given.length > 2 && given[2] !== undefined) needFunction(given[2], 'callback')
  const [low, high] = given[1] === undefined ? [0, given[0]] : given
  if (given[1] !== undefined) needSafe(low, 'min')
  needSafe(high, 'max')
  const min = low as number
  if (high <= min) {
    throw outOfRange('max', `greater than the value of "min" (${min})`, high)
  }
  const range = high - min
  if (range > MAX_RANGE) throw outOfRange('max - min', `<= ${MAX_RANGE}`, range)
  const value = min + uniform(range)
  return done === undefined ? value : later(done, value)
}

function uniform(range: number): number {
  const limit = 2 ** 48 - (2 ** 48 % range)
  const words = new Uint16Array(3)
  for (;;) {
    const [a = 0, b = 0, c = 0] = globalThis.crypto.getRandomValues(words)
    const value = a * 2 ** 32 + b * 2 ** 16 + c
    if (value < limit) return value % range
  }
}

/** Compares in constant time. */
export function timingSafeEqual(left: Bytes, right: Bytes): boolean {
  const expected = 'an instance of ArrayBuffer, Buffer, TypedArray, or DataView'
  if (!isBytes(left)) throw argType('buf1', expected, left)
  if (!isBytes(right)) throw argType('buf2', expected, right)
  const [one, other] = [viewOf(left), viewOf(right)]
  if (one.length !== other.length) {
    const message = 'Input buffers must have the same byte length'
    throw coded(RangeError, 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH', message)
  }
  return equal(one, other)
}
