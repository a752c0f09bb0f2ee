/** node:net: what is an IP address. A worker has no sockets. */

import { isIP } from './internal/addresses.ts'

export const isIPv4 = (text: unknown): boolean => isIP(text) === 4
export const isIPv6 = (text: unknown): boolean => isIP(text) === 6

export { isIP }
export default { isIP, isIPv4, isIPv6 }
