/** node:stream: Node's own streams, as the package readable-stream has them. */
import Stream from 'readable-stream/lib/stream.js'
import { provideStreams } from './crypto/late-streams.ts'

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

// Hashes and ciphers of node:crypto are streams only in bundles that have this module.
provideStreams(Stream)

export default Stream
