/** The part of `process` that the streams use. */
const nextTick = (fn, ...args) => queueMicrotask(() => fn(...args))

export default { env: {}, nextTick, stdout: undefined, stderr: undefined }
