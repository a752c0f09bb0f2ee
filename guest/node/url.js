/** node:url on the worker's URL: https://nodejs.org/api/url.html */
import { Buffer } from './buffer.js'
import { invalidArgType, missingArgs, nodeTypeError } from './internal/errors.ts'
import { invalidUrl, isUrl, toAscii, toUnicode } from './internal/hosts.js'
import { parse, resolve, resolveObject, Url } from './internal/legacy-url.js'
import { validateObject, validateString } from './internal/validate.ts'
import { resolve as resolvePath } from './path.js'

export const { URL, URLSearchParams } = globalThis
export { parse, resolve, resolveObject, Url }

/** An argument, which may be undefined. */
function domainOf(args) {
  if (args.length === 0) throw missingArgs('domain')
  return `${args[0]}`
}

/** '' for what is no domain. */
export function domainToASCII(...args) {
  return toAscii(domainOf(args))
}

/** '' for what is no domain. */
export function domainToUnicode(...args) {
  return toUnicode(toAscii(domainOf(args)))
}

/** The text of a URL, without the parts that the options turn off. */
function formatUrl(url, options) {
  const copy = new URL(url.href)
  if (!(options.fragment ?? true)) copy.hash = ''
  if (!(options.search ?? true)) copy.search = ''
  if (!(options.auth ?? true)) {
    copy.username = ''
    copy.password = ''
  }
  const { href, protocol, username, password, hostname } = copy
  if (!options.unicode || hostname === '') return href
  const user = password === '' ? username : `${username}:${password}`
  const at = protocol.length + 2 + (user === '' ? 0 : user.length + 1)
  return href.slice(0, at) + toUnicode(hostname) + href.slice(at + hostname.length)
}

/** @param urlObject URL, the result of `parse`, an object with such members, or a string to parse */
export function format(urlObject, options) {
  if (typeof urlObject === 'string') return parse(urlObject).format()
  if (typeof urlObject !== 'object' || urlObject === null) {
    throw invalidArgType('urlObject', ['Object', 'string'], urlObject)
  }
  if (!isUrl(urlObject)) return Url.prototype.format.call(urlObject)
  if (options) validateObject(options, 'options')
  return formatUrl(urlObject, options || {})
}

/** The URL of a file, for which `separators` may not be percent-encoded in the path. */
function fileUrlOf(path, separators = /%2f/i, named = '/') {
  if (typeof path !== 'string' && !isUrl(path)) {
    throw invalidArgType('path', ['string', 'URL'], path)
  }
  const url = typeof path === 'string' ? URL.parse(path) : path
  if (url === null) throw invalidUrl(path)
  if (url.protocol !== 'file:') {
    throw nodeTypeError('ERR_INVALID_URL_SCHEME', 'The URL must be of scheme file')
  }
  if (separators.test(url.pathname))
    throw invalidFilePath(url, `not include encoded ${named} characters`)
  return url
}

function invalidFilePath(url, rule) {
  const error = nodeTypeError('ERR_INVALID_FILE_URL_PATH', `File URL path must ${rule}`)
  return Object.assign(error, { input: url })
}

/** The path in a URL of a file of POSIX. */
function posixPathOf(url) {
  if (url.hostname !== '') {
    const message = 'File URL host must be "localhost" or empty on linux'
    throw nodeTypeError('ERR_INVALID_FILE_URL_HOST', message)
  }
  return url.pathname
}

function windowsPathOf(path) {
  const url = fileUrlOf(path, /%2f|%5c/i, '\\ or /')
  const pathname = decodeURIComponent(url.pathname.replaceAll('/', '\\'))
  if (url.hostname !== '') return `\\\\${toUnicode(url.hostname)}${pathname}`
  if (!/^\\[a-z]:/i.test(pathname)) throw invalidFilePath(url, 'be absolute')
  return pathname.slice(1)
}

export function fileURLToPath(path, options) {
  if (options?.windows) return windowsPathOf(path)
  return decodeURIComponent(posixPathOf(fileUrlOf(path)))
}

const byteOf = (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))

/** The bytes of a path of POSIX, which need not be UTF-8. */
export function fileURLToPathBuffer(path) {
  const text = posixPathOf(fileUrlOf(path))
  return Buffer.from(text.replace(/%([0-9a-f]{2})/gi, byteOf), 'latin1')
}

const escaped = (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`

/** For paths of POSIX. */
export function pathToFileURL(path) {
  validateString(path, 'path')
  let resolved = resolvePath(path)
  if (path.endsWith('/') && !resolved.endsWith('/')) resolved += '/'
  return new URL(`file://${encodeURI(resolved.toWellFormed()).replace(/[?#~]/g, escaped)}`)
}

/** The options of `http.request` for a URL. */
export function urlToHttpOptions(from) {
  validateObject(from, 'url', { array: true, callable: true })
  const { protocol, hostname, hash, search, pathname, href, port, username, password } = from
  const options = {
    __proto__: null,
    // What was added to the URL.
    ...from,
    protocol,
    hostname: hostname?.startsWith('[') ? hostname.slice(1, -1) : hostname,
    hash,
    search,
    pathname,
    path: `${pathname || ''}${search || ''}`,
    href,
  }
  if (port !== '') options.port = Number(port)
  if (username || password) {
    options.auth = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  }
  return options
}

export default {
  URL,
  URLSearchParams,
  Url,
  domainToASCII,
  domainToUnicode,
  fileURLToPath,
  fileURLToPathBuffer,
  format,
  parse,
  pathToFileURL,
  resolve,
  resolveObject,
  urlToHttpOptions,
}
