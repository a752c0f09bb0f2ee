import { version } from '../package.json' with { type: 'json' }

/** This release of functions. */
export const RELEASE: string = version

/** The oldest release whose commands work with this release's management API over TCP. */
export const MINIMUM_CLI = '0.3.0-dev'
