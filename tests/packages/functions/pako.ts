import { gunzipSync, unzipSync, zipSync } from 'fflate'
import * as pako from 'pako'

export default async (req: Request): Promise<Response> => {
  const bytes = new Uint8Array(await req.arrayBuffer())
  const packed = pako.gzip(bytes)
  const files = unzipSync(zipSync({ 'a/b.txt': bytes, 'c.bin': new Uint8Array(1000) }))
  const text = (part: Uint8Array | undefined) => new TextDecoder().decode(part)
  let broken = ''
  try {
    pako.inflate(packed.subarray(0, 8))
    pako.ungzip(new Uint8Array([31, 139, 8, 0, 0, 0, 0, 0, 0, 0, 255]))
  } catch (error) {
    broken = String(error)
  }
  return Response.json({
    smaller: packed.length < bytes.length,
    same: text(gunzipSync(packed)) === text(bytes),
    file: text(files['a/b.txt']) === text(bytes),
    broken,
  })
}
