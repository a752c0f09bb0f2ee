/** The bundle's assets as files: `new URL('./file', import.meta.url)`, or the path of that URL. */
import { read } from 'fn:assets'
import { type PathLike, toPath } from './files.ts'

/** What a path must escape to be the path of a URL. */
const ESCAPED = /[%?#\\\n\r\t]/g

/** New bytes of the asset that a path names; undefined if it names none. */
export function readAsset(path: PathLike): Uint8Array | undefined {
  const file = toPath(path)
  if (!file.startsWith('/')) return undefined
  return read(new URL(`file://${file.replace(ESCAPED, encodeURIComponent)}`).href)
}
