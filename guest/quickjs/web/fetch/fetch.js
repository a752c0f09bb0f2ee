// The fetch method: https://fetch.spec.whatwg.org/#fetch-method
// The host does the network; a URL that contains its own content is answered here.

import { fetchBody, fetchCancel, fetchLocal, fetchSignal, fetchStart, fetchUrl, lazy } from 'fn:web'
import { whenAborted } from '../events/abort.js'
import { needArguments } from '../idl/idl.js'
import {
  ObjectDefineProperty,
  primordialGlobals,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
} from '../idl/primordials.js'
import { cancelStream } from '../streams/streams.js'

const { Error, Promise, Request, TypeError } = primordialGlobals

function cancelBody(request, reason) {
  const body = fetchBody(request)
  if (body !== null) cancelStream(body, reason)
}

function fetchDataUrl(request, url) {
  const data = lazy('fetch/data-url.js').readDataUrl(url)
  if (data === undefined) throw failure('the data: URL is invalid', 'ERR_INVALID_URL')
  return fetchLocal(request, data.type, data.bytes)
}

function withCode(error, code) {
  return ObjectDefineProperty(error, 'code', {
    __proto__: null,
    value: code,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

/** With the code and the cause that the host gives an error. */
function failure(message, code) {
  const cause = withCode(new Error(message), code)
  return withCode(new TypeError(`fetch: ${message}`, { __proto__: null, cause }), code)
}

function fetchAsset(request, url) {
  const asset = lazy('fetch/assets.js').readAsset(url)
  if (asset === undefined) {
    const message = `${url} is not an asset of this bundle. Only files that a source names by new URL('./file', import.meta.url) are`
    throw failure(message, 'ENOENT')
  }
  return fetchLocal(request, asset.type, asset.bytes)
}

function fetchByScheme(request, resolve, reject) {
  const url = fetchUrl(request)
  const scheme = StringPrototypeSlice(url, 0, StringPrototypeIndexOf(url, ':'))
  if (scheme === 'data') {
    resolve(fetchDataUrl(request, url))
    return undefined
  }
  if (scheme === 'file') {
    resolve(fetchAsset(request, url))
    return undefined
  }
  if (scheme !== 'http' && scheme !== 'https') {
    throw failure(`the scheme '${scheme}' is not supported: use http or https`, 'ERR_POLICY')
  }
  return fetchStart(request, (response, error) => {
    if (response === undefined) reject(error)
    else resolve(response)
  })
}

function start(request, resolve, reject) {
  const signal = fetchSignal(request)
  if (signal === undefined) {
    fetchByScheme(request, resolve, reject)
    return
  }
  let number
  let abortion
  whenAborted(signal, (reason) => {
    abortion = { __proto__: null, reason }
    reject(reason)
    if (number !== undefined) fetchCancel(number, reason)
  })
  if (abortion !== undefined) {
    cancelBody(request, abortion.reason)
    return
  }
  number = fetchByScheme(request, resolve, reject)
  // The body's stream is read at once, and its source may have aborted the signal.
  if (abortion !== undefined && number !== undefined) fetchCancel(number, abortion.reason)
}

export function fetch(input, init = undefined) {
  const given = arguments.length
  return new Promise((resolve, reject) => {
    needArguments('fetch', given, 1)
    start(new Request(input, init), resolve, reject)
  })
}
