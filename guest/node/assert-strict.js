/** node:assert/strict: every comparison is strict. */
import { strict } from './assert.js'

export * from './assert.js'
export const { deepEqual, equal, notDeepEqual, notEqual } = strict
export default strict
