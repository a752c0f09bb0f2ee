/** Frees the buffers of bodies explicitly, because the garbage collector frees them too late. */

/** Smaller buffers are left to the garbage collector. */
const WORTH_IT_BYTES = 16 * 1024

/**
 * Whether this view covers a whole buffer that is large enough to release. The caller must know that
 * nothing else uses the buffer.
 */
export function isReleasable(bytes: Uint8Array): boolean {
  return bytes.byteLength >= WORTH_IT_BYTES && bytes.byteLength === bytes.buffer.byteLength
}

/**
 * Frees a buffer; its views are empty afterwards. The garbage collector mainly considers its own heap,
 * and would let some 50 MB of such buffers accumulate while a large body passes.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0)
}
