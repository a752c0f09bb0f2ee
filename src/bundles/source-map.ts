import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import { readStoredSync } from '../lib/stored-file.ts'

/** A position in a bundle, as both engines write it in a stack. */
const BUNDLE_POSITION = /(?<=^|[\s(])bundle\.js:(\d{1,9}):(\d{1,9})/gm

/** Maximum size of the source map that is stored beside a bundle. */
export const MAX_MAP_BYTES = 80 * 2 ** 20
/**
 * A larger map is not read, which would block requests: positions in stacks stay those of the
 * bundle.
 */
const MAX_READ_BYTES = 8 * 2 ** 20
/** Maximum size of all maps in memory, counted by their size on the disk. */
const CACHE_BYTES = 32 * 2 ** 20

interface OpenMap {
  trace: TraceMap
  bytes: number
}

/** An LRU cache of maps, by the mapper of their version. Shared by all services of this process. */
const cache = new Map<object, OpenMap>()
let cachedBytes = 0

/**
 * Returns a function that maps the positions in a stack from the bundle to the tenant's sources. The
 * map is read for the first stack. If it cannot be read, stacks stay unchanged.
 *
 * @param readMap throws if there is no map
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
  return readStoredSync(path, MAX_READ_BYTES)
}

function cached(owner: object): TraceMap | undefined {
  const found = cache.get(owner)
  if (found !== undefined) {
    // Move it to the end: the least recently used map is evicted first.
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
    // Positions do not need the texts of the sources, which would stay in memory.
    const { sourcesContent, ...map } = JSON.parse(new TextDecoder().decode(text))
    trace = new TraceMap(map)
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
