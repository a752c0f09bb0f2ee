import stream from '@jspm/core/nodelibs/stream'

export const { finished, pipeline } = stream.promises

export default stream.promises
