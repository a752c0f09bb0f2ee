// Recognises objects of interfaces that are written in JS: to the engine they are plain objects.

import { isEvent } from '../events/event.js'
import { isEventTarget } from '../events/events.js'
import { isBlob } from '../fetch/blob.js'
import { formEntries, isCryptoKey, isSubtleCrypto } from '../idl/lazy-hooks.js'
import { ObjectGetPrototypeOf, ObjectPrototype } from '../idl/primordials.js'
import { isStreamObject } from '../streams/streams.js'

export function isPlatformObject(value) {
  const prototype = ObjectGetPrototypeOf(value)
  if (prototype === ObjectPrototype || prototype === null) return false
  return (
    isBlob(value) ||
    isEventTarget(value) ||
    isEvent(value) ||
    formEntries(value) !== undefined ||
    isStreamObject(value) ||
    isCryptoKey(value) ||
    isSubtleCrypto(value)
  )
}
