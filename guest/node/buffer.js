import buffer, { Buffer } from '@jspm/core/nodelibs/buffer'

export { Buffer, INSPECT_MAX_BYTES, kMaxLength } from '@jspm/core/nodelibs/buffer'

export const { Blob, File, atob, btoa } = globalThis
export const { SlowBuffer } = buffer
/** The engine's longest string. */
export const kStringMaxLength = 2 ** 30 - 1
export const constants = { MAX_LENGTH: buffer.kMaxLength, MAX_STRING_LENGTH: kStringMaxLength }

// Node's newest encoding, which is another alphabet of base64: either is understood.
const plain = (encoding) => (/^base64url$/i.test(encoding) ? 'base64' : encoding)
const { byteLength, from, isEncoding } = Buffer
const { toString: textOf, write } = Buffer.prototype
Object.assign(Buffer, {
  byteLength: (value, encoding) => byteLength(value, plain(encoding)),
  from: (value, encoding, length) => from(value, plain(encoding), length),
  isEncoding: (encoding) => isEncoding(plain(encoding)),
})
Buffer.prototype.toString = function (encoding, ...range) {
  if (encoding === undefined || plain(encoding) === encoding) {
    return textOf.call(this, encoding, ...range)
  }
  const text = textOf.call(this, 'base64', ...range)
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
Buffer.prototype.write = function (text, ...rest) {
  return write.call(this, text, ...rest.map(plain))
}

export function isUtf8(input) {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(input)
    return true
  } catch {
    return false
  }
}

export function isAscii(input) {
  return Buffer.from(input.buffer ?? input, input.byteOffset ?? 0, input.byteLength).every(
    (byte) => byte < 128,
  )
}

export default Object.assign(buffer, {
  Blob,
  File,
  atob,
  btoa,
  kStringMaxLength,
  constants,
  isUtf8,
  isAscii,
})
