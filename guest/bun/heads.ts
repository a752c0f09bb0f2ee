/** Checks that a head fits the protocol's bounds. To send more would be a breach. */
import {
  HEAD_RESERVE_BYTES,
  MAX_HEADERS,
  MAX_HEADERS_BYTES,
  MAX_LINE_BYTES,
} from '../../src/worker/protocol/limits.ts'
import type { HeaderList } from '../../src/worker/worker.ts'

export function fitsLine(line: string, headers: HeaderList): boolean {
  let bytes = 0
  for (const [name, value] of headers) bytes += name.length + value.length
  return (
    headers.length <= MAX_HEADERS &&
    bytes <= MAX_HEADERS_BYTES &&
    line.length <= MAX_LINE_BYTES - HEAD_RESERVE_BYTES
  )
}
