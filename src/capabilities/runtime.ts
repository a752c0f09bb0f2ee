/** The engines that a function can run in: the one list of them. */
export const RUNTIMES = ['quickjs-ng', 'bun'] as const

export type Runtime = (typeof RUNTIMES)[number]
