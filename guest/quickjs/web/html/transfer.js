// structuredClone with transfer:
// https://html.spec.whatwg.org/#structuredserializewithtransfer

import { classOf, detach } from 'fn:web'
import { forEachValue, isObject, needArguments, toDictionary } from '../idl/idl.js'
import { portTransfer } from '../idl/lazy-hooks.js'
import {
  ArrayBufferPrototypeGetDetached,
  ArrayPrototypePush,
  primordialGlobals,
} from '../idl/primordials.js'
import { streamTransfer } from '../streams/streams-transfer.js'
import { cloneBuffer, cloneValue, refuse } from './clone.js'

const { TypeError } = primordialGlobals

/** A `sequence<object>`. */
export function readObjects(iterable, what) {
  const list = []
  forEachValue(iterable, what, (value) => {
    if (!isObject(value)) throw new TypeError(`${what} contains a value that is not an object`)
    ArrayPrototypePush(list, value)
  })
  return list
}

/** Copies the buffer, since a transfer could not be undone if the rest cannot be cloned. */
function bufferTransfer(buffer) {
  return {
    __proto__: null,
    from: buffer,
    to: cloneBuffer(buffer),
    check() {
      if (ArrayBufferPrototypeGetDetached(buffer)) throw refuse('a detached ArrayBuffer')
    },
    commit: () => detach(buffer),
  }
}

function transferOf(value) {
  const kind = classOf(value)
  if (kind === 'ArrayBuffer') return bufferTransfer(value)
  const transfer = kind === 'Object' ? (portTransfer(value) ?? streamTransfer(value)) : undefined
  if (transfer === undefined) throw refuse('an object of the transfer list')
  return transfer
}

/**
 * { value, transferred }: the clone, and the replacement of each transferred object. Nothing is
 * taken from its owner before everything else has been cloned.
 */
export function cloneWithTransfer(value, list) {
  const transfers = []
  for (let i = 0; i < list.length; i++) {
    for (let k = 0; k < i; k++) {
      if (list[k] === list[i]) throw refuse('an object that is listed twice for transfer')
    }
    ArrayPrototypePush(transfers, transferOf(list[i]))
  }
  const clone = cloneValue(value, transfers)
  for (let i = 0; i < transfers.length; i++) transfers[i].check()
  const transferred = []
  for (let i = 0; i < transfers.length; i++) {
    transfers[i].commit()
    ArrayPrototypePush(transferred, transfers[i].to)
  }
  return { __proto__: null, value: clone, transferred }
}

export function structuredClone(value, options = undefined) {
  needArguments('structuredClone', arguments.length, 1)
  const { transfer } = toDictionary(options, 'structuredClone: the options')
  const list = transfer === undefined ? [] : readObjects(transfer, 'structuredClone: transfer')
  return cloneWithTransfer(value, list).value
}
