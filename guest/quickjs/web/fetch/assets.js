// The assets of the bundle: the files that it names by `new URL('./file', import.meta.url)`.

import { encodeUtf8 } from 'fn:web'
import {
  MapPrototypeGet,
  MapPrototypeSet,
  primordialGlobals,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  Uint8ArrayFromBase64,
} from '../idl/primordials.js'

const { Map } = primordialGlobals

/** By URL. The content is text, or base64 of bytes. */
const assets = new Map()

/** The bundle calls it for each asset before its modules run. */
export function add(url, type, content, base64) {
  MapPrototypeSet(assets, `${url}`, {
    __proto__: null,
    type: `${type}`,
    content: `${content}`,
    base64: !!base64,
  })
}

function withoutSuffix(url, mark) {
  const end = StringPrototypeIndexOf(url, mark)
  return end === -1 ? url : StringPrototypeSlice(url, 0, end)
}

function find(href) {
  return MapPrototypeGet(assets, withoutSuffix(withoutSuffix(`${href}`, '#'), '?'))
}

/** New bytes of an asset; undefined if the bundle has no asset of this URL. */
export function read(href) {
  const asset = find(href)
  if (asset === undefined) return undefined
  return asset.base64 ? Uint8ArrayFromBase64(asset.content) : encodeUtf8(asset.content)
}

/** { bytes, type } of an asset, for fetch; undefined if the bundle has no asset of this URL. */
export function readAsset(href) {
  const asset = find(href)
  if (asset === undefined) return undefined
  return { __proto__: null, type: asset.type, bytes: read(href) }
}
