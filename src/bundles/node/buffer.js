import buffer, { Buffer } from '@jspm/core/nodelibs/buffer'

export { Buffer, INSPECT_MAX_BYTES, kMaxLength } from '@jspm/core/nodelibs/buffer'

export const { Blob, File, atob, btoa } = globalThis
export const { SlowBuffer } = buffer
/** The engine's longest string. */
export const kStringMaxLength = 2 ** 30 - 1
export const constants = { MAX_LENGTH: buffer.kMaxLength, MAX_STRING_LENGTH: kStringMaxLength }

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
  ...{ Blob, File, atob, btoa, kStringMaxLength, constants, isUtf8, isAscii },
})
