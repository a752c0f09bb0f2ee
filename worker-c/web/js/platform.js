// Which objects belong to the interfaces that are written in JS: to the engine they are plain ones.

import { isBlob } from './blob.js'
import { isEvent } from './event.js'
import { isEventTarget } from './events.js'
import { formEntries, isCryptoKey, isSubtleCrypto } from './late.js'
import { ObjectGetPrototypeOf, ObjectPrototype } from './primordials.js'
import { isStreamObject } from './streams.js'

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
