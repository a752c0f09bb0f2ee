// TextDecoder: every encoding gives the same text for whole and for split input.
const LABELS = [
  'utf-8',
  'utf-16le',
  'utf-16be',
  'gb18030',
  'gbk',
  'big5',
  'euc-jp',
  'iso-2022-jp',
  'shift_jis',
  'euc-kr',
  'replacement',
  'windows-1252',
  'ibm866',
  'x-user-defined',
  'koi8-u',
  'macintosh',
]

export default (bytes) => {
  if (bytes.length < 3) return
  const [label, fatal, cut] = bytes
  const data = bytes.subarray(3)
  const options = { fatal: (fatal & 1) === 1, ignoreBOM: (fatal & 2) === 2 }
  let name = LABELS[label % LABELS.length]
  if (name === 'replacement') name = 'iso-2022-kr'
  if (name === 'iso-2022-kr') {
    try {
      new TextDecoder(name)
      throw new Error('a decoder of the replacement encoding')
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
    name = 'utf-8'
  }
  const whole = decodeAll(new TextDecoder(name, options), data, data.length)
  const pieces = decodeAll(new TextDecoder(name, options), data, (cut % 7) + 1)
  if (whole !== pieces)
    throw new Error(`${name}: ${JSON.stringify(whole)} and ${JSON.stringify(pieces)}`)
  const text = new TextDecoder(name).decode(data)
  if (!text.isWellFormed()) throw new Error('a lone surrogate')
  const encoded = new TextEncoder().encode(text)
  const { read, written } = new TextEncoder().encodeInto(text, new Uint8Array(encoded.length))
  if (read !== text.length || written !== encoded.length) throw new Error('encodeInto')
}

function decodeAll(decoder, data, step) {
  let text = ''
  try {
    for (let at = 0; at < data.length; at += step)
      text += decoder.decode(data.subarray(at, at + step), { stream: true })
    return text + decoder.decode()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return undefined
  }
}
