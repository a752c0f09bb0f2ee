/** The engines that a function can run in. This is the only list. */
export const RUNTIMES = ['quickjs-ng', 'bun'] as const

export type Runtime = (typeof RUNTIMES)[number]
