import { readFileSync } from 'node:fs'
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'

/** A position in a bundle, as both engines write it in a stack. */
const BUNDLE_POSITION = /(?<=^|[\s(])bundle\.js:(\d{1,9}):(\d{1,9})/gm

/** Larger maps are not read: they come from tenants. */
export const MAX_MAP_BYTES = 80 * 2 ** 20

/**
 * Makes what turns the engine's positions in a stack into the tenant's own. The map is read when
 * the first stack comes, and once; without a map that can be read, stacks stay as they are.
 */
export function stackMapper(readMap: () => Uint8Array): (stack: string) => string {
  let trace: TraceMap | undefined
  let tried = false
  return (stack) => {
    if (!tried && stack.includes('bundle.js:')) {
      tried = true
      trace = openMap(readMap)
    }
    return trace === undefined ? stack : mapPositions(trace, stack)
  }
}

/** Reads a map from the disk, within bounds. */
export function readMapFile(path: string): Uint8Array {
  const bytes = readFileSync(path)
  if (bytes.byteLength > MAX_MAP_BYTES) {
    throw new RangeError('the source map is too large')
  }
  return bytes
}

function openMap(readMap: () => Uint8Array): TraceMap | undefined {
  try {
    return new TraceMap(new TextDecoder().decode(readMap()))
  } catch {
    return undefined
  }
}

function mapPositions(trace: TraceMap, stack: string): string {
  return stack.replace(BUNDLE_POSITION, (whole, line: string, column: string) => {
    try {
      // Engines count columns from 1, source maps from 0.
      const at = { line: Math.max(1, Number(line)), column: Math.max(0, Number(column) - 1) }
      const original = originalPositionFor(trace, at)
      return original.source === null
        ? whole
        : `${original.source}:${original.line}:${original.column + 1}`
    } catch {
      return whole
    }
  })
}
