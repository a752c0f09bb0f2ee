/** Validates a request's URL and Host, and makes the URL that the handler sees. */
import { DEFAULT_PROJECT } from '../metadata/records.ts'
import type { Mount } from '../router/host-table.ts'

/** Behind `http://`. */
const HOST_AT = 7
const HOST = /^(?:[\w.~-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i
/** A segment that is `.` or `..` once dots, slashes and backslashes are decoded. */
const DOT_SEGMENT = /(?:^|\/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:$|\/|\\|%2f|%5c)/i
const NUL = '%00'

let lastHost = ''

/** Is this a single host, with or without a port, that is valid in a URL? */
export function validHost(host: string | undefined): host is string {
  if (host === undefined || host === '') return false
  if (host === lastHost) return true
  if (!HOST.test(host) || !URL.canParse(`http://${host}/`)) return false
  lastHost = host
  return true
}

/**
 * The absolute URL of a request. HTTP/1.0 needs no Host, and an empty one is valid in HTTP/1.1: Bun then
 * gives the target alone, as it was sent, and the request is for `ownHost`. Undefined for a bad Host.
 *
 * @param ownHost the listener's own host and port
 */
export function absoluteUrl(url: string, host: string | undefined, ownHost: string) {
  if (url.startsWith('http://')) return validHost(host) ? url : undefined
  if ((host !== undefined && host !== '') || !url.startsWith('/')) return undefined
  return URL.parse(`http://${ownHost}${url}`)?.href
}

/**
 * The URL that the handler sees, without the mount path. Undefined when the path leaves the function's
 * prefix, which comes from the path as it was sent, while `url` has its dot segments resolved, so the
 * two differ when such segments left the prefix.
 *
 * @param url absolute, `http://host/functions/<name>...`
 * @param prefix of the mount; empty: the whole path is the function's
 */
export function mountedUrl(url: string, prefix: string): string | undefined {
  const fragmentAt = url.indexOf('#')
  // A fragment is for the client alone (RFC 9110, 4.2.5), and no handler expects one.
  if (fragmentAt >= 0) url = url.slice(0, fragmentAt)
  const pathAt = url.indexOf('/', HOST_AT)
  if (pathAt < 0 || !url.startsWith(prefix, pathAt)) return undefined
  const restAt = pathAt + prefix.length
  const next = url.charCodeAt(restAt)
  if (Number.isNaN(next)) return `${url.slice(0, pathAt)}/`
  if (next === QUESTION_MARK) return `${url.slice(0, pathAt)}/${url.slice(restAt)}`
  if (next !== SLASH) return undefined
  if (url.indexOf('%', restAt) >= 0 && !decodesWithin(url, restAt)) return undefined
  return url.slice(0, pathAt) + url.slice(restAt)
}

/** Where a path leads to a function: `/functions/<name>`, or `/projects/<project>/functions/<name>`. */
export function pathMount(name: string, project: string | undefined): Mount {
  return project === undefined
    ? { project: DEFAULT_PROJECT, name, prefix: `/functions/${name}` }
    : { project, name, prefix: `/projects/${project}/functions/${name}` }
}

/** The same path and query under another scheme and host. */
export function rebased(url: string, base: string): string {
  return base + url.slice(url.indexOf('/', HOST_AT))
}

const SLASH = 47
const QUESTION_MARK = 63

/** Handlers that decode the path once more must not find a dot segment or a NUL in it either. */
function decodesWithin(url: string, from: number): boolean {
  const end = url.slice(from).search(/[?#]/)
  const path = end < 0 ? url.slice(from) : url.slice(from, from + end)
  return !DOT_SEGMENT.test(path) && !path.includes(NUL)
}
