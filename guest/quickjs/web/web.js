// Loads every module of the Web APIs that is not lazy, and exports the functions that C calls
// (fn_hook).

import './idl/primordials.js'
import './console/console.js'
import './html/navigator.js'

export { describeThrown } from './console/thrown.js'
export { abortSignal, isSignal, newSignal } from './events/abort.js'
export { extractBody, makeBlob, parseFormData } from './fetch/body.js'
export { promiseEvent, reportException } from './html/global-scope.js'
export {
  cancelStream,
  consumeStream,
  openReader,
  proxyStream,
  readChunk,
  streamOfBytes,
  streamOfHostBody,
  teeStream,
  usedStream,
} from './streams/streams.js'
