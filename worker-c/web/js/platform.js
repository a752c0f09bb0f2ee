// Which objects belong to the interfaces that are written in JS: to the engine they are plain ones.

import { isBlob } from './blob.js'
import { isEvent } from './event.js'
import { isEventTarget } from './events.js'
import { formEntries, isCryptoKey, isSubtleCrypto } from './late.js'
import {
  ObjectGetPrototypeOf,
  ObjectPrototype,
  ObjectPrototypeHasOwnProperty,
} from './primordials.js'

const STREAM_SLOTS = [
  '_readableStreamController',
  '_writableStreamController',
  '_transformStreamController',
  '_ownerReadableStream',
  '_ownerWritableStream',
]

function hasStreamSlot(value) {
  for (let i = 0; i < STREAM_SLOTS.length; i++) {
    if (ObjectPrototypeHasOwnProperty(value, STREAM_SLOTS[i])) return true
  }
  return false
}

export function isPlatformObject(value) {
  const prototype = ObjectGetPrototypeOf(value)
  if (prototype === ObjectPrototype || prototype === null) return false
  return (
    isBlob(value) ||
    isEventTarget(value) ||
    isEvent(value) ||
    formEntries(value) !== undefined ||
    hasStreamSlot(value) ||
    isCryptoKey(value) ||
    isSubtleCrypto(value)
  )
}
