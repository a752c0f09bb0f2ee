/**
 * `Url`, `parse` and `resolve` of node:url, which are older than the URL standard: what they return for
 * any input is what Node returns.
 */
import querystring from '../querystring.js'
import { invalidArgValue } from './errors.ts'
import { invalidUrl, toAscii } from './hosts.js'
import { validateString } from './validate.ts'

const SLASHED = new Set(['http:', 'https:', 'ftp:', 'gopher:', 'file:', 'ws:', 'wss:'])
/** Without a host, and without anything that is escaped. */
const SCRIPT = 'javascript:'
const MAX_HOSTNAME = 255
const FORBIDDEN_IN_HOST = /[\0\t\n\r #%/:<>?@[\\\]^|]/
const FORBIDDEN_IN_IPV6 = /[\0\t\n\r #%/<>?@\\^|]/
const ALWAYS_ESCAPED = /[\t\n\r "'<>\\^`{|}]/g

const escaped = (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
const isBracketed = (host) => host.startsWith('[') && host.endsWith(']')
const isSlashed = (protocol) => SLASHED.has(protocol) || SLASHED.has(`${protocol}:`)

/** Without white space around it, and with slashes for backslashes in front of query and fragment. */
function cleaned(url) {
  const text = url.replace(/^[\0-\x20\xa0\ufeff]+|[\0-\x20\xa0\ufeff]+$/g, '')
  const end = text.search(/[?#]/)
  if (end === -1) return text.replaceAll('\\', '/')
  return text.slice(0, end).replaceAll('\\', '/') + text.slice(end)
}

/** Splits what follows the slashes: the host with its user, and the rest. */
function splitHost(text) {
  const whole = /^[^#/?]*/.exec(text)[0]
  const rest = text.slice(whole.length)
  // White space that the URL standard removes.
  const host = whole.replace(/[\t\n\r]/g, '')
  const at = host.lastIndexOf('@')
  const end = host.slice(at + 1).search(/[ "%';<>\\^`{|}]/)
  const stop = end === -1 ? host.length : at + 1 + end
  return {
    auth: at === -1 ? null : decodeURIComponent(host.slice(0, at)),
    host: host.slice(at + 1, stop),
    rest: host.slice(stop) + rest,
  }
}

/** Reads the host of `text` into `url` and returns the rest. */
function takeHost(url, text, input) {
  const parts = splitHost(text)
  if (parts.auth !== null) url.auth = parts.auth
  url.host = parts.host
  url.parseHost()
  url.hostname ??= ''
  let { rest } = parts
  const isIpv6 = isBracketed(url.hostname)
  if (!isIpv6 && url.hostname.includes(':')) {
    throw invalidArgValue('url', input, 'has an invalid port')
  }
  url.hostname = url.hostname.length > MAX_HOSTNAME ? '' : url.hostname.toLowerCase()
  if (url.hostname !== '') {
    if (isIpv6) {
      if (FORBIDDEN_IN_IPV6.test(url.hostname)) throw invalidUrl(input)
    } else {
      if (/[^\0-\x7f]|xn--/.test(url.hostname)) url.hostname = toAscii(url.hostname)
      if (url.hostname === '' || FORBIDDEN_IN_HOST.test(url.hostname)) throw invalidUrl(input)
    }
  }
  url.host = url.hostname + (url.port ? `:${url.port}` : '')
  if (isIpv6) {
    url.hostname = url.hostname.slice(1, -1)
    if (!rest.startsWith('/')) rest = `/${rest}`
  }
  return rest
}

export function Url() {
  this.protocol = null
  this.slashes = null
  this.auth = null
  this.host = null
  this.port = null
  this.hostname = null
  this.hash = null
  this.search = null
  this.query = null
  this.pathname = null
  this.path = null
  this.href = null
}

Url.prototype.parse = function (url, parseQueryString, slashesDenoteHost) {
  validateString(url, 'url')
  let rest = cleaned(url)
  const simple = /^(\/\/?(?!\/)[^?\s]*)(\?\S*)?$/.exec(rest)
  if (!slashesDenoteHost && !/#|^[^?]*@/.test(rest) && simple) {
    this.path = rest
    this.href = rest
    this.pathname = simple[1]
    setQuery(this, simple[2], parseQueryString)
    return this
  }
  const scheme = /^[a-z0-9.+-]+:/i.exec(rest)?.[0]
  const protocol = scheme?.toLowerCase()
  if (scheme) {
    this.protocol = protocol
    rest = rest.slice(scheme.length)
  }
  const mayHaveHost = slashesDenoteHost || scheme || /^\/\/[^@/]+@[^@/]+/.test(rest)
  const hasSlashes = mayHaveHost && rest.startsWith('//')
  if (hasSlashes && protocol !== SCRIPT) {
    rest = rest.slice(2)
    this.slashes = true
  }
  if (protocol !== SCRIPT && (hasSlashes || (scheme && !SLASHED.has(scheme)))) {
    rest = takeHost(this, rest, url)
  }
  if (protocol !== SCRIPT) rest = rest.replace(ALWAYS_ESCAPED, escaped)
  const [, path, search, hash] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(rest)
  if (hash) this.hash = hash
  setQuery(this, search, parseQueryString)
  if (path) this.pathname = path
  else if (SLASHED.has(protocol) && this.hostname) this.pathname = '/'
  if (this.pathname || this.search) this.path = (this.pathname || '') + (this.search || '')
  this.href = this.format()
  return this
}

function setQuery(url, search, parseQueryString) {
  if (search !== undefined) {
    url.search = search
    url.query = parseQueryString ? querystring.parse(search.slice(1)) : search.slice(1)
  } else if (parseQueryString) {
    url.query = { __proto__: null }
  }
}

Url.prototype.parseHost = function () {
  let { host } = this
  const port = /:[0-9]*$/.exec(host)?.[0]
  if (port !== undefined) {
    if (port !== ':') this.port = port.slice(1)
    host = host.slice(0, -port.length)
  }
  if (host) this.hostname = host
}

/** Of any object with members of a Url. */
Url.prototype.format = function () {
  const auth = this.auth ? `${encodeURIComponent(this.auth).replaceAll('%3A', ':')}@` : ''
  let protocol = this.protocol || ''
  let pathname = (this.pathname || '').replace(/[?#]/g, escaped)
  let hash = this.hash || ''
  let host = ''
  if (this.host) {
    host = auth + this.host
  } else if (this.hostname) {
    const isOpen = this.hostname.includes(':') && !isBracketed(this.hostname)
    host = auth + (isOpen ? `[${this.hostname}]` : this.hostname)
    if (this.port) host += `:${this.port}`
  }
  const isObject = this.query !== null && typeof this.query === 'object'
  const query = isObject ? querystring.stringify(this.query) : ''
  let search = this.search || (query && `?${query}`) || ''
  if (protocol && !protocol.endsWith(':')) protocol += ':'
  if (this.slashes || SLASHED.has(protocol)) {
    if (this.slashes || host) {
      if (pathname && !pathname.startsWith('/')) pathname = `/${pathname}`
      host = `//${host}`
    } else if (protocol.startsWith('file')) {
      host = '//'
    }
  }
  search = search.replaceAll('#', '%23')
  if (hash && !hash.startsWith('#')) hash = `#${hash}`
  if (search && !search.startsWith('?')) search = `?${search}`
  return protocol + host + pathname + search + hash
}

Url.prototype.resolve = function (relative) {
  return this.resolveObject(parse(relative, false, true)).format()
}

function setPath(url) {
  if (url.pathname || url.search) url.path = (url.pathname || '') + (url.search || '')
}

function done(url) {
  url.href = url.format()
  return url
}

/** A relative URL with a protocol of its own. */
function withProtocol(result, relative) {
  if (!isSlashed(relative.protocol)) return done(Object.assign(result, relative))
  result.protocol = relative.protocol
  if (!relative.host && !/^file:?$/.test(relative.protocol)) {
    const parts = (relative.pathname || '').split('/')
    while (parts.length > 0) {
      relative.host = parts.shift()
      if (relative.host) break
    }
    relative.host ||= ''
    relative.hostname ||= ''
    if (parts[0] !== '') parts.unshift('')
    if (parts.length < 2) parts.unshift('')
    result.pathname = parts.join('/')
  } else {
    result.pathname = relative.pathname
  }
  result.search = relative.search
  result.query = relative.query
  result.host = relative.host || ''
  result.auth = relative.auth
  result.hostname = relative.hostname || relative.host
  result.port = relative.port
  setPath(result)
  result.slashes = result.slashes || relative.slashes
  return done(result)
}

/** Resolves `.` and `..`. Returns how many `..` lead out of the path. */
function removeDots(path) {
  let up = 0
  for (let i = path.length - 1; i >= 0; i--) {
    if (path[i] === '.') {
      path.splice(i, 1)
    } else if (path[i] === '..') {
      path.splice(i, 1)
      up++
    } else if (up > 0) {
      path.splice(i, 1)
      up--
    }
  }
  return up
}

/** For protocols without slashes, whose host is the first part of the path. */
function setHostFrom(result, host) {
  result.host = host
  result.hostname = host
  const parts = host?.indexOf('@') > 0 ? host.split('@') : []
  if (parts.length > 1) {
    result.auth = parts[0]
    result.host = parts[1]
    result.hostname = parts[1]
  }
}

const prepend = (path, host) => {
  if (path[0] === '') path[0] = host
  else path.unshift(host)
}

Url.prototype.resolveObject = function (given) {
  const relative = typeof given === 'string' ? parse(given, false, true) : given
  const result = Object.assign(new Url(), this)
  result.hash = relative.hash
  if (relative.href === '') return done(result)
  if (relative.slashes && !relative.protocol) {
    const { protocol } = result
    Object.assign(result, relative, { protocol })
    if (SLASHED.has(protocol) && result.hostname && !result.pathname) {
      result.pathname = '/'
      result.path = '/'
    }
    return done(result)
  }
  if (relative.protocol && relative.protocol !== result.protocol) {
    return withProtocol(result, relative)
  }
  return withPath(result, relative)
}

/** A relative URL of the same protocol. */
function withPath(result, relative) {
  const isRooted = Boolean(result.pathname?.startsWith('/'))
  const replaces = Boolean(relative.host || relative.pathname?.startsWith('/'))
  const isAbsolute = Boolean(replaces || isRooted || (result.host && relative.pathname))
  let endsAbsolute = isAbsolute
  let path = result.pathname?.split('/') ?? []
  const added = relative.pathname ? relative.pathname.split('/') : []
  const isOpaque = result.protocol && !isSlashed(result.protocol)
  if (isOpaque) {
    result.hostname = ''
    result.port = null
    if (result.host) prepend(path, result.host)
    result.host = ''
    if (relative.protocol) {
      relative.hostname = null
      relative.port = null
      result.auth = null
      if (relative.host) prepend(added, relative.host)
      relative.host = null
    }
    endsAbsolute &&= added[0] === '' || path[0] === ''
  }
  if (replaces) {
    if (relative.host || relative.host === '') {
      if (result.host !== relative.host) result.auth = null
      result.host = relative.host
      result.port = relative.port
    }
    if (relative.hostname || relative.hostname === '') {
      if (result.hostname !== relative.hostname) result.auth = null
      result.hostname = relative.hostname
    }
    path = added
  } else if (added.length > 0) {
    path = [...path.slice(0, -1), ...added]
  } else if (relative.search !== null && relative.search !== undefined) {
    if (isOpaque) setHostFrom(result, path.shift())
    result.search = relative.search
    result.query = relative.query
    setPath(result)
    return done(result)
  }
  if (replaces || added.length > 0) {
    result.search = relative.search
    result.query = relative.query
  }
  if (path.length === 0) {
    result.pathname = null
    result.path = result.search ? `/${result.search}` : null
    return done(result)
  }
  const last = path.at(-1)
  const isDots = last === '.' || last === '..'
  const hasSlash =
    last === '' || (isDots && Boolean(result.host || relative.host || path.length > 1))
  const up = removeDots(path)
  if (!isAbsolute) path.unshift(...Array(up).fill('..'))
  if (endsAbsolute && path[0] !== '' && !path[0]?.startsWith('/')) path.unshift('')
  if (hasSlash && !path.join('/').endsWith('/')) path.push('')
  const startsAbsolute = path[0] === '' || Boolean(path[0]?.startsWith('/'))
  if (isOpaque) setHostFrom(result, startsAbsolute ? '' : (path.shift() ?? ''))
  if ((endsAbsolute || (result.host && path.length > 0)) && !startsAbsolute) path.unshift('')
  if (path.length === 0) {
    result.pathname = null
    result.path = null
  } else {
    result.pathname = path.join('/')
  }
  if (result.pathname !== null || result.search !== null) {
    result.path = (result.pathname || '') + (result.search || '')
  }
  result.auth = relative.auth || result.auth
  result.slashes = result.slashes || relative.slashes
  return done(result)
}

export function parse(url, parseQueryString, slashesDenoteHost) {
  if (url instanceof Url) return url
  return new Url().parse(url, parseQueryString, slashesDenoteHost)
}

export const resolve = (source, relative) => parse(source, false, true).resolve(relative)

export function resolveObject(source, relative) {
  return source ? parse(source, false, true).resolveObject(relative) : relative
}
