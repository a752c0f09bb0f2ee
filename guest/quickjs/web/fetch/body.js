// Functions about bodies that C calls: https://fetch.spec.whatwg.org/#bodies

import { classOf, lazy } from 'fn:web'
import { formEntries } from '../idl/lazy-hooks.js'
import { primordialGlobals } from '../idl/primordials.js'
import { isStream, isUnusable } from '../streams/streams.js'
import { blobBytes, blobType, isBlob, makeBlob as newBlob } from './blob.js'
import { parseMimeType, serializeMimeType } from './mime.js'

const { TypeError } = primordialGlobals

/**
 * { stream } or { bytes, type } of a BodyInit that is an object of the Web APIs; undefined for any
 * other.
 */
export function extractBody(value) {
  if (classOf(value) === 'Proxy') return undefined
  if (isStream(value)) {
    if (isUnusable(value)) throw new TypeError('the stream was already read, or is locked')
    return { __proto__: null, stream: value }
  }
  if (isBlob(value)) return { __proto__: null, bytes: blobBytes(value), type: blobType(value) }
  const entries = formEntries(value)
  return entries === undefined ? undefined : lazy('fetch/multipart.js').serializeFormData(entries)
}

/** The Blob of a body with the given content-type. */
export function makeBlob(bytes, contentType) {
  const mime = contentType === null ? undefined : parseMimeType(contentType)
  return newBlob(bytes, mime === undefined ? '' : serializeMimeType(mime))
}

/** The FormData of a body with the given content-type. */
export const parseFormData = (bytes, contentType) =>
  lazy('fetch/multipart.js').parseFormData(bytes, contentType)
