// CompressionStream and DecompressionStream: https://compression.spec.whatwg.org/

import { codecClose, codecNew, codecStep } from 'fn:web'
import { defineInterface, needArguments } from '../idl/idl.js'
import { primordialGlobals } from '../idl/primordials.js'
import { openTransform, putPieces, readableSide, writableSide } from './streams-transform.js'

const { TypeError } = primordialGlobals

/** The numbers that fn_codec_new uses. */
const FORMATS = { __proto__: null, deflate: 0, 'deflate-raw': 1, gzip: 2 }

function openCodec(object, what, format, compress) {
  const number = FORMATS[`${format}`]
  if (number === undefined) throw new TypeError(`${what}: the format is not supported`)
  const codec = codecNew(number, compress)
  const step = (chunk, last) => {
    try {
      return codecStep(codec, chunk, last)
    } catch (error) {
      codecClose(codec)
      throw error
    }
  }
  openTransform(object, {
    __proto__: null,
    transform(target, chunk) {
      if (chunk === undefined) throw new TypeError(`${what}: the chunk is not a BufferSource`)
      return putPieces(target, step, chunk)
    },
    flush: (target) => putPieces(target, step, undefined, true),
    cancel: () => codecClose(codec),
  })
}

export class CompressionStream {
  constructor(format) {
    needArguments('CompressionStream', arguments.length, 1)
    openCodec(this, 'CompressionStream', format, true)
  }
  get readable() {
    return readableSide(this)
  }
  get writable() {
    return writableSide(this)
  }
}

export class DecompressionStream {
  constructor(format) {
    needArguments('DecompressionStream', arguments.length, 1)
    openCodec(this, 'DecompressionStream', format, false)
  }
  get readable() {
    return readableSide(this)
  }
  get writable() {
    return writableSide(this)
  }
}

defineInterface(CompressionStream, { __proto__: null, global: false })
defineInterface(DecompressionStream, { __proto__: null, global: false })
