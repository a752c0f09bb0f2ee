// The result of deriveBits for a shared secret.

import { wipe } from 'fn:crypto'
import { copyBytes } from 'fn:web'
import {
  ArrayBufferPrototypeGetByteLength,
  MathFloor,
  primordialGlobals,
  TypedArrayPrototypeGetBuffer,
} from '../idl/primordials.js'
import { fail } from './crypto-idl.js'

const { Uint8Array } = primordialGlobals

/** The first `length` bits of an ArrayBuffer, or all of them when that is null. */
export function firstBits(secret, length) {
  if (length === null) return secret
  if (ArrayBufferPrototypeGetByteLength(secret) * 8 < length) {
    throw fail('OperationError', `the shared secret has less than ${length} bits`)
  }
  const bytes = copyBytes(new Uint8Array(secret, 0, MathFloor((length + 7) / 8)))
  wipe(secret)
  if (length % 8 !== 0) bytes[bytes.length - 1] &= 256 - (1 << (8 - (length % 8)))
  return TypedArrayPrototypeGetBuffer(bytes)
}
