/** What the host takes of a head: more of it would be a breach of the protocol. */
import {
  MAX_HEADERS,
  MAX_HEADERS_BYTES,
  MAX_LINE_BYTES,
} from '../../src/worker/protocol/messages.ts'
import type { HeaderList } from '../../src/worker/worker.ts'

/** For `bytes` and `end`, which may come behind it yet. */
const REST_BYTES = 64

export function fitsLine(line: string, headers: HeaderList): boolean {
  let bytes = 0
  for (const [name, value] of headers) bytes += name.length + value.length
  return (
    headers.length <= MAX_HEADERS &&
    bytes <= MAX_HEADERS_BYTES &&
    line.length <= MAX_LINE_BYTES - REST_BYTES
  )
}
