// What Node's tests import as `../common/index.mjs`.
import common from './index.js'

export const {
  allowGlobals,
  expectsError,
  expectWarning,
  getArrayBufferViews,
  getBufferSources,
  hasCrypto,
  hasIntl,
  isLinux,
  isMainThread,
  isWindows,
  mustCall,
  mustCallAtLeast,
  mustNotCall,
  mustNotMutateObjectDeep,
  mustSucceed,
  platformTimeout,
  skip,
} = common
export default common

/** There are no programs in a function. */
export const spawnPromisified = () => {
  throw new Error('needs allowChildProcess')
}
