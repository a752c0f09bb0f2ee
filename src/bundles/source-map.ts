import { readFileSync } from 'node:fs'
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'

/** A position in a bundle, as both engines write it in a stack. */
const BUNDLE_POSITION = /(?<=^|[\s(])bundle\.js:(\d{1,9}):(\d{1,9})/gm

/** What is kept beside a bundle. */
export const MAX_MAP_BYTES = 80 * 2 ** 20
/** A larger map would keep the service from its requests while it is read: stacks stay as they are. */
const MAX_READ_BYTES = 8 * 2 ** 20
/** Of all maps that are kept in memory, as long as they were on the disk. */
const CACHE_BYTES = 32 * 2 ** 20

interface OpenMap {
  trace: TraceMap
  bytes: number
}

/** The maps that were used last, by their version's mapper. */
const cache = new Map<object, OpenMap>()
let cachedBytes = 0

/**
 * Makes what turns the engine's positions in a stack into the tenant's own. The map is read when
 * the first stack comes; without one that can be read, stacks stay as they are.
 *
 * @param readMap throws where there is no map
 */
export function stackMapper(readMap: () => Uint8Array): (stack: string) => string {
  const owner = {}
  let unreadable = false
  return (stack) => {
    if (unreadable || !stack.includes('bundle.js:')) {
      return stack
    }
    const trace = cached(owner) ?? openMap(owner, readMap)
    unreadable = trace === undefined
    return trace === undefined ? stack : mapPositions(trace, stack)
  }
}

/** Reads a map from the disk. */
export function readMapFile(path: string): Uint8Array {
  return readFileSync(path)
}

function cached(owner: object): TraceMap | undefined {
  const found = cache.get(owner)
  if (found !== undefined) {
    // To the end of the line: what is used least lately goes first.
    cache.delete(owner)
    cache.set(owner, found)
  }
  return found?.trace
}

function openMap(owner: object, readMap: () => Uint8Array): TraceMap | undefined {
  let trace: TraceMap
  let bytes: number
  try {
    const text = readMap()
    bytes = text.byteLength
    if (bytes > MAX_READ_BYTES) {
      return undefined
    }
    trace = new TraceMap(new TextDecoder().decode(text))
  } catch {
    return undefined
  }
  cache.set(owner, { trace, bytes })
  cachedBytes += bytes
  for (const [oldest, { bytes: freed }] of cache) {
    if (cachedBytes <= CACHE_BYTES) {
      break
    }
    cache.delete(oldest)
    cachedBytes -= freed
  }
  return trace
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
