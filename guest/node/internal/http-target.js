/** What a request of node:http goes to: its options, read once, and the URL that they make. */

import { invalidArgType, nodeTypeError, notAvailable } from './errors.ts'
import { connectsItself } from './http-agent.js'
import { validateHeaderName } from './http-headers.ts'

const UNESCAPED = /[^\x21-\xff]/
/** Options that ask for a connection that the service does not make. */
const OF_CONNECTION = ['ca', 'cert', 'createConnection', 'key', 'localAddress', 'pfx', 'socketPath']

function optionsOf(url) {
  const { hostname, username, password, port, pathname, search, protocol, hash, href } = url
  const options = {
    protocol,
    hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    hash,
    search,
    pathname,
    path: `${pathname}${search}`,
    href,
  }
  if (port !== '') options.port = Number(port)
  if (username !== '' || password !== '') {
    options.auth = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  }
  return options
}

function parsed(text) {
  const url = URL.parse(text)
  if (url !== null) return url
  throw Object.assign(nodeTypeError('ERR_INVALID_URL', 'Invalid URL'), { input: text })
}

/** The arguments (url, options, callback) of `request`, of which the first or the second may be left out. */
export function readArguments(input, options, callback) {
  let [from, given, done] = [undefined, options, callback]
  if (typeof input === 'string') from = optionsOf(parsed(input))
  else if (input instanceof URL) from = optionsOf(input)
  else [given, done] = [input, options]
  if (typeof given === 'function') [given, done] = [undefined, given]
  // A spread reads each getter once. Options may be inherited, as those of Object.create(defaults).
  const all = Object.assign(Object.create(null), from)
  for (const name in given ?? {}) all[name] = given[name]
  return [all, done]
}

function textOf(value, name) {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') {
    throw invalidArgType(name, 'of type string or one of undefined or null', value)
  }
  return value
}

function agentOf({ agent }, fallback) {
  if (agent === undefined || agent === null) return fallback
  if (agent === false) return new fallback.constructor()
  if (typeof agent !== 'object' || typeof agent.addRequest !== 'function') {
    throw invalidArgType(
      'options.agent',
      'an instance of Agent or one of false or undefined',
      agent,
    )
  }
  if (connectsItself(agent)) throw notAvailable('http.Agent that makes its own connections')
  return agent
}

function originOf(protocol, host, port) {
  const named = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const url = URL.parse(`${protocol}//${named}:${port}`)
  // What is no host would otherwise become a path, or credentials, of another one.
  const plain = url !== null && url.username === '' && url.password === '' && url.pathname === '/'
  if (!plain || url.search !== '' || url.hash !== '' || /[/\\?#@]/.test(host)) return undefined
  return url.origin
}

/**
 * Checks the options as Node does, and in the same order.
 *
 * @throws what `http.request` throws at once
 */
export function targetOf(options, fallback) {
  const agent = agentOf(options, fallback)
  const protocol = options.protocol || fallback.protocol
  if (options.path) {
    const path = String(options.path)
    if (UNESCAPED.test(path)) {
      const message = 'Request path contains unescaped characters'
      throw nodeTypeError('ERR_UNESCAPED_CHARACTERS', message)
    }
  }
  const expected = agent.protocol || fallback.protocol
  if (protocol !== expected) {
    const message = `Protocol "${protocol}" not supported. Expected "${expected}"`
    throw nodeTypeError('ERR_INVALID_PROTOCOL', message)
  }
  const hostname = textOf(options.hostname, 'options.hostname')
  const host = hostname ?? textOf(options.host, 'options.host') ?? 'localhost'
  const { method } = options
  if (method !== undefined && method !== null && typeof method !== 'string') {
    throw invalidArgType('options.method', 'of type string', method)
  }
  if (method) validateHeaderName(method, 'Method')
  for (const name of OF_CONNECTION) {
    if (options[name]) throw notAvailable(`http.request with the option ${name}`)
  }
  const port = options.port || options.defaultPort || agent.defaultPort || fallback.defaultPort
  return {
    agent,
    protocol,
    host,
    port,
    path: options.path ? String(options.path) : '/',
    method: method ? method.toUpperCase() : 'GET',
    origin: originOf(protocol, host, port),
  }
}

/** The URL, or undefined if these are not the parts of one. */
export function urlOf({ origin, path }) {
  if (origin === undefined || !/^[/?]/.test(path)) return undefined
  const rooted = path.startsWith('?') ? `/${path}` : path
  const bytes = rooted.replace(/[\x80-\xff]/g, (each) => encodeURIComponent(each))
  return origin + bytes.replaceAll('#', '%23')
}
