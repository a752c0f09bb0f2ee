/** What is inside a KeyObject, apart from its classes: what only needs the bytes of a secret needs no more. */

import * as native from 'fn:node-crypto'
import { DATA, dataBytes, isBytes } from './bytes.ts'
import { argType, invalidKeyType } from './errors.ts'
import type { Material } from './material.ts'

export type KeyType = 'secret' | 'public' | 'private'

interface Slots {
  type: KeyType
  /** A secret is a native key. */
  handle: native.Key | Material
}

// Made with the first key: a bundle that does not use keys contains none of this.
let slots: WeakMap<object, Slots> | undefined

export function setSlots(key: object, value: Slots): void {
  slots ??= new WeakMap()
  slots.set(key, value)
}

export const slotsOf = (key: object): Slots => {
  const found = slots?.get(key)
  if (found === undefined) throw new TypeError('Illegal invocation')
  return found
}

/** The type of a KeyObject; undefined for every other value. */
export const typeOf = (value: unknown): KeyType | undefined =>
  typeof value === 'object' && value !== null ? slots?.get(value)?.type : undefined

/** The type and the native key of a secret KeyObject or CryptoKey; undefined for other values. */
function secretIn(value: unknown): { type: KeyType; key: native.Key } | undefined {
  const type = typeOf(value)
  if (type !== undefined) return { type, key: slotsOf(value as object).handle as native.Key }
  if (typeof value !== 'object' || value === null || isBytes(value)) return undefined
  const parts = native.webParts(value)
  return parts && { type: parts.type, key: parts.material }
}

/** The bytes of a secret key: a KeyObject, a CryptoKey, bytes or text. */
export function secretFrom(value: unknown, name = 'key', encoding?: unknown): Uint8Array {
  const found = secretIn(value)
  if (found !== undefined) {
    if (found.type !== 'secret') throw invalidKeyType(found.type, 'secret')
    return new Uint8Array(native.secretBytes(found.key))
  }
  if (typeof value !== 'string' && !isBytes(value)) {
    throw argType(name, DATA.replace(', or DataView', ', DataView, KeyObject, or CryptoKey'), value)
  }
  return dataBytes(value, name, encoding)
}
