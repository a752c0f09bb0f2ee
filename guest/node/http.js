/** node:http: `request` and `get` over the fetch of the service. There are no servers in a function. */

import { Agent, globalAgent } from './internal/http-agent.js'
import { ClientRequest as Client } from './internal/http-client.js'
import { METHODS, STATUS_CODES } from './internal/http-constants.ts'
import { validateHeaderName, validateHeaderValue } from './internal/http-headers.ts'
import { IncomingMessage } from './internal/http-incoming.js'
import { OutgoingMessage } from './internal/http-outgoing.js'

export class ClientRequest extends Client {
  constructor(input, options, callback) {
    super(input, options, callback, globalAgent)
  }
}

export function request(input, options, callback) {
  return new ClientRequest(input, options, callback)
}

export function get(input, options, callback) {
  const sent = request(input, options, callback)
  sent.end()
  return sent
}

/** The longest head of a response that the service accepts. */
export const maxHeaderSize = 32_768
export function setMaxIdleHTTPParsers() {}

export {
  Agent,
  globalAgent,
  IncomingMessage,
  METHODS,
  OutgoingMessage,
  STATUS_CODES,
  validateHeaderName,
  validateHeaderValue,
}

export default {
  Agent,
  ClientRequest,
  IncomingMessage,
  METHODS,
  OutgoingMessage,
  STATUS_CODES,
  get,
  globalAgent,
  maxHeaderSize,
  request,
  setMaxIdleHTTPParsers,
  validateHeaderName,
  validateHeaderValue,
}
