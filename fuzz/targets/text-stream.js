// TextDecoderStream and TextEncoderStream on split input give the result of TextDecoder and TextEncoder on the whole,
// for a label from the input; and encodeInto writes a prefix of the whole.
const decoder = new TextDecoder()
const encoder = new TextEncoder()

export default async (bytes) => {
  const end = bytes.indexOf(0)
  if (end < 0 || end + 3 > bytes.length) return
  const [, step, room] = bytes.subarray(end)
  const data = bytes.slice(end + 3)
  await decode(decoder.decode(bytes.subarray(0, end)), step, data)
  const text = new TextDecoder('utf-16le').decode(data)
  const units = String.fromCharCode(...new Uint16Array(data.buffer, 0, data.length >> 1))
  await encode(units, step)
  into(units, room)
  into(text, room)
}

async function decode(label, step, data) {
  const options = { fatal: (step & 128) !== 0, ignoreBOM: (step & 64) !== 0 }
  let whole
  let stream
  try {
    stream = new TextDecoderStream(label, options)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return
  }
  try {
    whole = new TextDecoder(label, options).decode(data)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
  if (stream.encoding !== new TextDecoder(label).encoding) throw new Error('encoding')
  const pieces = await through(stream, data, (step & 31) + 1)
  if (pieces !== whole) throw new Error(`${label}: ${JSON.stringify([whole, pieces])}`)
}

async function encode(units, step) {
  const bytes = await through(new TextEncoderStream(), units, (step & 31) + 1)
  const whole = decoder.decode(encoder.encode(units))
  if (decoder.decode(bytes) !== whole) throw new Error(`encoded ${JSON.stringify(units)}`)
}

/** What comes out of a transform of `data` in pieces; undefined where it is refused. */
async function through(stream, data, step) {
  const writer = stream.writable.getWriter()
  const feeding = feed(writer, data, step)
  const parts = []
  try {
    for await (const part of stream.readable) parts.push(part)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return undefined
  } finally {
    await feeding
  }
  return typeof data === 'string' ? new Blob(parts).bytes() : parts.join('')
}

async function feed(writer, data, step) {
  try {
    for (let at = 0; at < data.length; at += step) await writer.write(data.slice(at, at + step))
    await writer.close()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
}

function into(text, room) {
  const whole = encoder.encode(text)
  const buffer = new Uint8Array(room + 2).fill(0xff)
  const { read, written } = encoder.encodeInto(text, buffer.subarray(1, room + 1))
  if (buffer[0] !== 0xff || buffer[room + 1] !== 0xff) throw new Error('encodeInto wrote beside')
  if (written > room || (written < whole.length && written + 4 <= room)) throw new Error('room')
  const begin = encoder.encode(text.slice(0, read))
  if (
    begin.length !== written ||
    begin.some((byte, i) => byte !== buffer[i + 1] || byte !== whole[i])
  )
    throw new Error('encodeInto wrote something else')
}
