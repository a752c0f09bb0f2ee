// TextEncoderStream and TextDecoderStream: https://encoding.spec.whatwg.org/#stream-components

import { encodeUtf8 } from 'fn:web'
import { defineInterface } from '../idl/idl.js'
import {
  ObjectGetOwnPropertyDescriptor,
  primordialGlobals,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  uncurryThis,
} from '../idl/primordials.js'
import {
  checkTransform,
  openTransform,
  put,
  readableSide,
  writableSide,
} from './streams-transform.js'

const { TextDecoder, TypeError } = primordialGlobals
const decoderMembers = TextDecoder.prototype
const getterOf = (name) => uncurryThis(ObjectGetOwnPropertyDescriptor(decoderMembers, name).get)
const decode = uncurryThis(ObjectGetOwnPropertyDescriptor(decoderMembers, 'decode').value)
const getEncoding = getterOf('encoding')
const getFatal = getterOf('fatal')
const getIgnoreBom = getterOf('ignoreBOM')

/** A high surrogate at the end of a chunk waits for its low surrogate. */
function openEncoder(object) {
  let pending = ''
  openTransform(object, {
    __proto__: null,
    transform(target, chunk) {
      let text = `${chunk}`
      if (text === '') return
      text = pending + text
      const end = text.length - 1
      const last = StringPrototypeCharCodeAt(text, end)
      pending = last >= 0xd800 && last <= 0xdbff ? StringPrototypeSlice(text, end) : ''
      if (pending !== '') text = StringPrototypeSlice(text, 0, end)
      if (text !== '') put(target, encodeUtf8(text))
    },
    flush(target) {
      if (pending !== '') put(target, encodeUtf8(pending))
    },
  })
}

export class TextEncoderStream {
  constructor() {
    openEncoder(this)
  }
  get encoding() {
    checkTransform(this)
    return 'utf-8'
  }
  get readable() {
    return readableSide(this)
  }
  get writable() {
    return writableSide(this)
  }
}

const MORE = { __proto__: null, stream: true }

function openDecoder(object) {
  const decoder = object._decoder
  const putText = (target, text) => {
    if (text !== '') put(target, text)
  }
  openTransform(object, {
    __proto__: null,
    transform(target, chunk) {
      if (chunk === undefined) throw new TypeError('the chunk is not a BufferSource')
      putText(target, decode(decoder, chunk, MORE))
    },
    flush: (target) => putText(target, decode(decoder)),
  })
}

export class TextDecoderStream {
  constructor(label = 'utf-8', options = undefined) {
    this._decoder = new TextDecoder(label, options)
    openDecoder(this)
  }
  get encoding() {
    checkTransform(this)
    return getEncoding(this._decoder)
  }
  get fatal() {
    checkTransform(this)
    return getFatal(this._decoder)
  }
  get ignoreBOM() {
    checkTransform(this)
    return getIgnoreBom(this._decoder)
  }
  get readable() {
    return readableSide(this)
  }
  get writable() {
    return writableSide(this)
  }
}

defineInterface(TextEncoderStream, { __proto__: null, global: false })
defineInterface(TextDecoderStream, { __proto__: null, global: false })
