/** Memory of bodies on their way through: given back by hand, since there is so much of it. */

/** Smaller ones are the collector's. */
const WORTH_IT_BYTES = 16 * 1024

/**
 * Does this view hold all of a buffer that is large enough to be released? Whoever asks has to know
 * that nobody else looks at it.
 */
export function isReleasable(bytes: Uint8Array): boolean {
  return bytes.byteLength >= WORTH_IT_BYTES && bytes.byteLength === bytes.buffer.byteLength
}

/**
 * Frees a buffer, whose views are empty from then on. The collector, which reckons with its own heap
 * first, would let some 50 MB of such buffers come together while a large body passes.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0)
}
