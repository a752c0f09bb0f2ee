import { strict } from '@jspm/core/nodelibs/assert'

export * from '@jspm/core/nodelibs/assert'
export default strict
