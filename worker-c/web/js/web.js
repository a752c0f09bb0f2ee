// Brings all modules of the Web APIs, and exports what C calls (fn_hook).

import './primordials.js'
import './console.js'
import './clone.js'
import './navigator.js'

export { abortSignal, isSignal, newSignal } from './abort.js'
export { extractBody, makeBlob } from './body.js'
export { parseFormData } from './multipart.js'
export {
  cancelStream,
  consumeStream,
  openReader,
  proxyStream,
  readChunk,
  streamOfBytes,
  streamOfFeed,
  teeStream,
  usedStream,
} from './streams.js'
