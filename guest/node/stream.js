/** node:stream: Node's own streams, as the package readable-stream has them. */
import Stream from 'readable-stream/lib/stream.js'
import { provideStreams } from './crypto/late-streams.ts'
import * as adapters from './internal/web-streams.js'

export const {
  Duplex,
  PassThrough,
  Readable,
  Transform,
  Writable,
  addAbortSignal,
  compose,
  destroy,
  finished,
  isDestroyed,
  isDisturbed,
  isErrored,
  isReadable,
  isWritable,
  pipeline,
  promises,
} = Stream
export { Stream }

// readable-stream lacks them.
Object.assign(Readable, { fromWeb: adapters.readableFromWeb, toWeb: adapters.readableToWeb })
Object.assign(Writable, { fromWeb: adapters.writableFromWeb, toWeb: adapters.writableToWeb })
Object.assign(Duplex, { fromWeb: adapters.duplexFromWeb, toWeb: adapters.duplexToWeb })

// Hashes and ciphers of node:crypto are streams only in bundles that have this module.
provideStreams(Stream)

export default Stream
