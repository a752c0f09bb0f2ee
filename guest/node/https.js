/** node:https: as node:http, for https. */

import { SecureAgent, secureGlobalAgent } from './internal/http-agent.js'
import { ClientRequest } from './internal/http-client.js'

export { SecureAgent as Agent, secureGlobalAgent as globalAgent }

export function request(input, options, callback) {
  return new ClientRequest(input, options, callback, secureGlobalAgent)
}

export function get(input, options, callback) {
  const sent = request(input, options, callback)
  sent.end()
  return sent
}

export default {
  Agent: SecureAgent,
  get,
  globalAgent: secureGlobalAgent,
  request,
}
