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
  if (data === undefined) throw new TypeError('fetch: the data: URL is invalid')
  return fetchLocal(request, data.type, data.bytes)
}

function fetchAsset(request, url) {
  const { type, bytes } = lazy('fetch/assets.js').readAsset(url)
  return fetchLocal(request, type, bytes)
}

function withCode(error) {
  return ObjectDefineProperty(error, 'code', {
    __proto__: null,
    value: 'ERR_POLICY',
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

/** With the code and the cause that the host gives an error. */
function unsupported(scheme) {
  const message = `the scheme '${scheme}' is not supported: use http or https`
  const cause = withCode(new Error(message))
  return withCode(new TypeError(`fetch: ${message}`, { __proto__: null, cause }))
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
    throw unsupported(scheme)
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
