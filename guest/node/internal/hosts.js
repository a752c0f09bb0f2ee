/** What node:url and its older functions share: host names, and the error of an invalid URL. */
import { toUnicode as decodeLabels } from '@jspm/core/nodelibs/punycode'
import { nodeTypeError } from './errors.ts'

const { URL } = globalThis

export function invalidUrl(input) {
  return Object.assign(nodeTypeError('ERR_INVALID_URL', 'Invalid URL'), { input })
}

/** Whether it is a URL, also one of a polyfill, and not what `url.parse` returns. */
export const isUrl = (value) =>
  Boolean(value?.href && value.protocol && value.auth === undefined && value.path === undefined)

/** '' for what is no host. */
export const toAscii = (host) => URL.parse(`ws://${host}`)?.hostname ?? ''

export function toUnicode(host) {
  try {
    return decodeLabels(host)
  } catch {
    return host
  }
}
