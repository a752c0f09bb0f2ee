// Brings all modules of the Web APIs that are not lazy, and exports what C calls (fn_hook).

import './primordials.js'
import './console.js'
import './navigator.js'

export { abortSignal, isSignal, newSignal } from './abort.js'
export { extractBody, makeBlob, parseFormData } from './body.js'
export { promiseEvent, reportException } from './global-scope.js'
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
