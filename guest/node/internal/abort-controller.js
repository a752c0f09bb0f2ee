/** What the package `abort-controller` gives where the globals are missing. */
export const { AbortController, AbortSignal } = globalThis
