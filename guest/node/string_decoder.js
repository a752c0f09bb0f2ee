import { Buffer } from '@jspm/core/nodelibs/buffer'
import { StringDecoder as Decoder } from '@jspm/core/nodelibs/string_decoder'

/** Node's takes any view of bytes, this one Buffers only. */
const toBuffer = (input) =>
  ArrayBuffer.isView(input) ? Buffer.from(input.buffer, input.byteOffset, input.byteLength) : input

export class StringDecoder extends Decoder {
  write(input) {
    return super.write(toBuffer(input))
  }

  end(input) {
    return super.end(toBuffer(input))
  }
}

export default { StringDecoder }
