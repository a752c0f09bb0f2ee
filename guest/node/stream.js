import stream, { Transform, Writable } from '@jspm/core/nodelibs/stream'
import { provideStreams } from './crypto/late-streams.ts'

export * from '@jspm/core/nodelibs/stream'
// As in Node, the constructor of all streams, which packages inherit from.
export { Stream as default } from '@jspm/core/nodelibs/stream'

// Hashes and ciphers of node:crypto are streams only in bundles that have this module.
provideStreams({ Transform, Writable })

/** With the options that the library's own export of this name leaves out. */
export const { promises } = stream
