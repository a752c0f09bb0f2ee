/**
 * PBKDF2, scrypt and HKDF. The worker has one thread, so the asynchronous forms compute at once and only call back
 * later. A derivation ends when the CPU limit or the deadline of its invocation is reached.
 */

import * as native from 'fn:node-crypto'
import type { Buffer } from 'node:buffer'
import { bufferOf, type Data, dataBytes, viewOf } from './bytes.ts'
import {
  argType,
  coded,
  MAX_INT32,
  MAX_UINT32,
  needFunction,
  needInteger,
  needObject,
  needString,
  orThrow,
  outOfRange,
} from './errors.ts'
import { secretFrom } from './key-slots.ts'
import { HASH_SIZES, needHash } from './names.ts'
import { later } from './random.ts'

type Callback<T> = (error: Error | null, value?: T) => void

export function pbkdf2Sync(
  password: Data,
  salt: Data,
  iterations: number,
  keylen: number,
  digest: string,
): Buffer {
  needString(digest, 'digest')
  const secret = dataBytes(password, 'password')
  const salted = dataBytes(salt, 'salt')
  needInteger(iterations, 'iterations', 1, MAX_INT32)
  needInteger(keylen, 'keylen', 0, MAX_INT32)
  const hash = needHash(digest)
  return bufferOf(native.pbkdf2(hash, native.secretKey(secret), salted, iterations, keylen))
}

export function pbkdf2(
  password: Data,
  salt: Data,
  iterations: number,
  keylen: number,
  digest: string | Callback<Buffer>,
  done?: Callback<Buffer>,
): void {
  if (typeof digest === 'function') throw argType('digest', 'of type string', undefined)
  const callback = needFunction(done, 'callback') as Callback<Buffer>
  later(callback, pbkdf2Sync(password, salt, iterations, keylen, digest))
}

interface ScryptOptions {
  N?: number
  r?: number
  p?: number
  cost?: number
  blockSize?: number
  parallelization?: number
  maxmem?: number
}

const MAX_MEMORY = 32 * 1024 * 1024 // bytes; Node's default of maxmem

function either(
  options: ScryptOptions,
  short: 'N' | 'r' | 'p',
  long: keyof ScryptOptions,
  normal: number,
) {
  const [one, other] = [options[short], options[long]]
  if (one !== undefined && other !== undefined) {
    throw coded(Error, 'ERR_CRYPTO_SCRYPT_INVALID_PARAMETER', 'Invalid scrypt parameter')
  }
  if (one !== undefined) needInteger(one, short, 0, MAX_UINT32)
  if (other !== undefined) needInteger(other, long, 0, MAX_UINT32)
  // 0 means the default, as in Node.
  return one || other || normal
}

function scryptParameters(options: ScryptOptions | undefined) {
  const given = options === undefined ? {} : needObject(options, 'options')
  const N = either(given, 'N', 'cost', 16_384)
  const r = either(given, 'r', 'blockSize', 8)
  const p = either(given, 'p', 'parallelization', 1)
  const { maxmem } = given
  if (maxmem !== undefined) needInteger(maxmem, 'maxmem', 0, Number.MAX_SAFE_INTEGER)
  const invalid = (why = '') =>
    coded(RangeError, 'ERR_CRYPTO_INVALID_SCRYPT_PARAMS', `Invalid scrypt params${why}`)
  const isPower = Number.isInteger(Math.log2(N)) && N > 1
  if (!isPower || r * p >= 2 ** 30 || Math.log2(N) >= 16 * r) throw invalid()
  if (128 * r * (N + p + 2) > (maxmem || MAX_MEMORY)) {
    throw invalid(': error:030000AC:digital envelope routines::memory limit exceeded')
  }
  return { N, r, p, invalid }
}

export function scryptSync(
  password: Data,
  salt: Data,
  keylen: number,
  options?: ScryptOptions,
): Buffer {
  const secret = dataBytes(password, 'password')
  const salted = dataBytes(salt, 'salt')
  needInteger(keylen, 'keylen', 0, MAX_INT32)
  const { N, r, p, invalid } = scryptParameters(options)
  return bufferOf(orThrow(() => native.scrypt(secret, salted, N, r, p, keylen), invalid))
}

export function scrypt(
  password: Data,
  salt: Data,
  keylen: number,
  options: ScryptOptions | Callback<Buffer>,
  done?: Callback<Buffer>,
): void {
  const given = typeof options === 'function' ? undefined : options
  const callback = needFunction(typeof options === 'function' ? options : done, 'callback')
  later(callback as Callback<Buffer>, scryptSync(password, salt, keylen, given))
}

const MAX_INFO = 1024 // bytes

export function hkdfSync(digest: string, key: unknown, salt: Data, info: Data, keylen: number) {
  needString(digest, 'digest')
  const secret = secretFrom(key, 'ikm')
  const salted = dataBytes(salt, 'salt')
  const about = dataBytes(info, 'info')
  if (about.length > MAX_INFO) {
    throw outOfRange('info', `must not contain more than ${MAX_INFO} bytes`, about.length)
  }
  needInteger(keylen, 'length', 0, 2 ** 32)
  const hash = needHash(digest)
  if (keylen > 255 * (HASH_SIZES[hash] ?? 0)) {
    throw coded(RangeError, 'ERR_CRYPTO_INVALID_KEYLEN', 'Invalid key length')
  }
  return native.hkdf(hash, native.secretKey(viewOf(secret)), salted, about, keylen)
}

export function hkdf(
  digest: string,
  key: unknown,
  salt: Data,
  info: Data,
  keylen: number,
  done: Callback<ArrayBuffer>,
): void {
  needFunction(done, 'callback')
  later(done, hkdfSync(digest, key, salt, info, keylen))
}
