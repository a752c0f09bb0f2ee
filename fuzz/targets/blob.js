// Blob, File and FormData: slices equal those of the bytes, and a form that is written as multipart is read as the same
// entries.
const decoder = new TextDecoder()

export default async (bytes) => {
  if (bytes.length < 10) return
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const words = decoder.decode(bytes.subarray(10)).split('\0')
  await slices(bytes, view, words[0])
  await form(bytes[0], words)
}

async function slices(bytes, view, type) {
  const parts = [bytes.subarray(10), type, bytes.buffer, new Blob([bytes]), view]
  const endings = bytes[0] & 1 ? 'native' : 'transparent'
  const whole = new Blob(parts.slice(0, bytes[1] % 6), { type, endings })
  const [start, end] = [view.getInt32(2, true), view.getInt32(6, true)]
  const edges = [
    start,
    end,
    start % 64,
    end % 64,
    start / 3,
    Number.NaN,
    2 ** 53,
    -Infinity,
    undefined,
  ]
  const all = await whole.bytes()
  if (all.length !== whole.size) throw new Error('size')
  const [from, to] = [edges[bytes[1] % edges.length], edges[bytes[0] % edges.length]]
  const slice = whole.slice(from, to, type)
  const found = await slice.bytes()
  const wanted = all.slice(clamp(from), clamp(to))
  if (found.length !== wanted.length || found.some((byte, i) => byte !== wanted[i]))
    throw new Error(`slice ${from} ${to} of ${all.length}: ${found.length}`)
  if (/[^\x20-\x7e]/.test(type) !== (slice.type === '') && type !== '') throw new Error('type')
  if ((await slice.text()) !== decoder.decode(wanted)) throw new Error('text')
}

/** Web IDL's [Clamp] rounds, where slices of arrays cut off. */
const clamp = (edge) => (edge === undefined ? edge : Math.round(edge))

async function form(kinds, words) {
  const made = new FormData()
  for (let i = 0; i + 1 < words.length; i += 2) {
    const [name, value] = [words[i], words[i + 1]]
    if ((kinds >> (i & 7)) & 1) made.append(name, new File([value], name, { type: value }), value)
    else made.append(name, value)
    if ((kinds >> ((i + 1) & 7)) & 1) made.set(name, value)
  }
  const response = new Response(made)
  const read = await response.formData()
  const [before, after] = [[...made], [...read]]
  if (before.length !== after.length) throw new Error(`${before.length}, then ${after.length}`)
  for (let i = 0; i < before.length; i++) await entry(before[i], after[i])
}

async function entry([name, value], [itsName, its]) {
  if (unescaped(breaks(name)) !== itsName)
    throw new Error(`name ${JSON.stringify([name, itsName])}`)
  if (typeof value === 'string') {
    // Read like Body.text: without a byte order mark at the start.
    if (breaks(value).replace(/^\ufeff/, '') !== its)
      throw new Error(`value ${JSON.stringify([value, its])}`)
    return
  }
  if (unescaped(value.name) !== its.name)
    throw new Error(`file ${JSON.stringify([value.name, its.name])}`)
  if ((await value.text()) !== (await its.text())) throw new Error('contents')
}

/** On the wire names and values have CRLF, and names three escapes that cannot be told from the text itself. */
const breaks = (text) => text.replace(/\r\n|\r|\n/g, '\r\n')
const unescaped = (text) =>
  text.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%22', '"')
