// DecompressionStream: a TypeError, or the same result for whole and for split input; and the round trip.
const FORMATS = ['gzip', 'deflate', 'deflate-raw']
const MOST = 256 * 1024

export default async (bytes) => {
  if (bytes.length < 2) return
  const format = FORMATS[bytes[0] % 3]
  const data = bytes.subarray(2)
  const whole = await decompress(format, data, data.length)
  const pieces = await decompress(format, data, (bytes[1] % 13) + 1)
  if (whole !== pieces) throw new Error(`${format}: ${whole} and ${pieces}`)
  const packing = new CompressionStream(format)
  const feeding = feed(packing.writable.getWriter(), data, (bytes[1] % 13) + 1)
  const unpacked = packing.readable.pipeThrough(new DecompressionStream(format))
  const back = await new Response(unpacked).bytes()
  await feeding
  if (back.length !== data.length || back.some((byte, i) => byte !== data[i]))
    throw new Error('there and back')
}

// A summary of the output; undefined after an error.
async function decompress(format, data, step) {
  const stream = new DecompressionStream(format)
  const reader = stream.readable.getReader()
  const writer = stream.writable.getWriter()
  const feeding = feed(writer, data, step)
  let size = 0
  let sum = 0
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) break
      size += value.length
      for (const byte of value) sum = (sum * 31 + byte) | 0
      if (size > MOST) {
        await reader.cancel()
        await feeding
        return 'much'
      }
    }
    await feeding
    return `${size} bytes, ${sum}`
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    await feeding
    return undefined
  }
}

async function feed(writer, data, step) {
  try {
    for (let at = 0; at < data.length; at += step) await writer.write(data.slice(at, at + step))
    await writer.close()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
}
