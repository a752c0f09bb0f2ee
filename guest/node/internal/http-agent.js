/**
 * Agent of node:http and node:https. The service keeps the connections, so an agent holds only its
 * options: packages make one, read its fields and destroy it.
 */

import { EventEmitter } from 'node:events'
import { notAvailable } from './errors.ts'

export class Agent extends EventEmitter {
  constructor(options = undefined) {
    super()
    // Assigned and not declared: a class of a package may have accessors of these names.
    this.defaultPort = 80
    this.protocol = 'http:'
    this.requests = Object.create(null)
    this.sockets = Object.create(null)
    this.freeSockets = Object.create(null)
    this.totalSocketCount = 0
    const given = { __proto__: null, noDelay: true, path: null, ...options }
    this.options = given
    this.keepAlive = given.keepAlive || false
    this.keepAliveMsecs = given.keepAliveMsecs || 1000
    this.maxSockets = given.maxSockets || Number.POSITIVE_INFINITY
    this.maxFreeSockets = given.maxFreeSockets || 256
    this.maxTotalSockets = given.maxTotalSockets || Number.POSITIVE_INFINITY
    this.scheduling = given.scheduling || 'lifo'
  }

  getName(options = {}) {
    const { host = 'localhost', port = '', localAddress = '', family } = options
    const suffix = family === 4 || family === 6 ? `:${family}` : ''
    return `${host}:${port}:${localAddress}${suffix}`
  }

  destroy() {}

  addRequest() {
    throw notAvailable('http.Agent.addRequest')
  }

  createConnection() {
    throw notAvailable('http.Agent.createConnection')
  }

  createSocket() {
    throw notAvailable('http.Agent.createSocket')
  }
}

/** Whether an agent makes connections itself, to a proxy for example, which no function can. */
export function connectsItself(agent) {
  const { addRequest, createConnection, createSocket } = Agent.prototype
  return (
    agent.addRequest !== addRequest ||
    agent.createConnection !== createConnection ||
    agent.createSocket !== createSocket
  )
}

export class SecureAgent extends Agent {
  constructor(options = undefined) {
    super(options)
    this.defaultPort = 443
    this.protocol = 'https:'
    this.maxCachedSessions = options?.maxCachedSessions ?? 100
  }
}

export const globalAgent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 })
export const secureGlobalAgent = new SecureAgent({
  keepAlive: true,
  scheduling: 'lifo',
  timeout: 5000,
})
