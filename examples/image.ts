/**
 * Draws a picture, byte by byte: a gradient of two colours as BMP.
 *
 *     functions deploy image examples/image.ts
 *     curl 'http://localhost:8080/functions/image?from=ff8800&to=0044ff&size=256' -o gradient.bmp
 */
const MAX_SIZE = 1024
const HEADER_BYTES = 54
const BYTES_PER_PIXEL = 3

type Colour = [red: number, green: number, blue: number]

function parseColour(text: string | null, otherwise: Colour): Colour | undefined {
  if (text === null) return otherwise
  if (!/^[0-9a-f]{6}$/i.test(text)) return undefined
  const value = Number.parseInt(text, 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}

function bitmap(size: number, from: Colour, to: Colour): Uint8Array<ArrayBuffer> {
  // Each row ends at a multiple of four bytes.
  const rowBytes = Math.ceil((size * BYTES_PER_PIXEL) / 4) * 4
  const bytes = new Uint8Array(HEADER_BYTES + rowBytes * size)
  const header = new DataView(bytes.buffer)
  bytes.set([0x42, 0x4d]) // BM
  header.setUint32(2, bytes.length, true)
  header.setUint32(10, HEADER_BYTES, true)
  header.setUint32(14, 40, true) // BITMAPINFOHEADER
  header.setInt32(18, size, true)
  header.setInt32(22, size, true)
  header.setUint16(26, 1, true)
  header.setUint16(28, BYTES_PER_PIXEL * 8, true)
  header.setUint32(34, rowBytes * size, true)
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const part = (x + y) / Math.max(1, 2 * (size - 1))
      const at = HEADER_BYTES + y * rowBytes + x * BYTES_PER_PIXEL
      for (const [i, channel] of [2, 1, 0].entries()) {
        const [start, end] = [from[channel] as number, to[channel] as number]
        bytes[at + i] = Math.round(start + (end - start) * part)
      }
    }
  }
  return bytes
}

export default (req: Request): Response => {
  const { searchParams } = new URL(req.url)
  const size = Number(searchParams.get('size') ?? 128)
  const from = parseColour(searchParams.get('from'), [255, 136, 0])
  const to = parseColour(searchParams.get('to'), [0, 68, 255])
  if (!Number.isInteger(size) || size < 1 || size > MAX_SIZE || !from || !to) {
    const what = `size is a whole number from 1 to ${MAX_SIZE}, colours are six hexadecimal digits`
    return new Response(`${what}\n`, { status: 400 })
  }
  return new Response(bitmap(size, from, to), {
    headers: { 'content-type': 'image/bmp', 'cache-control': 'public, max-age=86400' },
  })
}
