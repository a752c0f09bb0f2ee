import { version } from '../package.json' with { type: 'json' }

/** This release of functions. */
export const RELEASE: string = version
