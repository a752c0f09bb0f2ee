/** What stands for the socket of a request: packages set its options and ask for its state. */

import { EventEmitter } from 'node:events'

export class RequestSocket extends EventEmitter {
  connecting = false
  readable = true
  writable = true
  destroyed = false
  bytesRead = 0
  bytesWritten = 0
  remoteAddress = undefined
  remoteFamily = undefined
  remotePort = undefined
  localAddress = undefined
  localPort = undefined
  timeout = 0
  #request

  constructor(request, secure) {
    super()
    this.#request = request
    if (secure) {
      this.encrypted = true
      // The service connects to nothing whose certificate it rejects.
      this.authorized = true
      this.authorizationError = null
      this.alpnProtocol = 'http/1.1'
      this.getPeerCertificate = () => ({})
      this.getProtocol = () => null
      this.getCipher = () => undefined
      this.isSessionReused = () => false
    }
  }

  setTimeout(ms, callback) {
    this.#request.setTimeout(ms)
    if (callback !== undefined) {
      if (ms === 0) this.removeListener('timeout', callback)
      else this.once('timeout', callback)
    }
    return this
  }

  setNoDelay() {
    return this
  }

  setKeepAlive() {
    return this
  }

  ref() {
    return this
  }

  unref() {
    return this
  }

  address() {
    return {}
  }

  destroy(error) {
    this.#request.destroy(error)
    return this
  }

  end() {
    return this
  }

  _close(hadError) {
    if (this.destroyed) return
    this.destroyed = true
    this.readable = false
    this.writable = false
    this.emit('close', hadError)
  }
}
