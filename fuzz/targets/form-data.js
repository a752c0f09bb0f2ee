// Bodies of forms: a TypeError, or the parsed form is the same after it is written and parsed again.
const decoder = new TextDecoder()

export default async (bytes) => {
  const end = bytes.indexOf(10)
  const boundary = decoder.decode(bytes.subarray(0, Math.max(end, 0)))
  const body = bytes.subarray(end + 1)
  await read(body, 'application/x-www-form-urlencoded')
  await read(body, 'multipart/form-data; boundary=b')
  await read(body, `multipart/form-data; boundary="${boundary}"`)
}

async function read(body, type) {
  let form
  try {
    form = await new Response(body, { headers: { 'content-type': type } }).formData()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return
  }
  const entries = [...form]
  const again = [...(await new Response(form).formData())]
  if (again.length !== entries.length)
    throw new Error(`${entries.length} entries, then ${again.length}`)
  for (let i = 0; i < entries.length; i++) {
    await compare(entries[i], again[i])
  }
}

/** Written, names and texts have CRLF; and three escapes in names cannot be told from the text itself. */
async function compare([name, value], [itsName, its]) {
  if (typeof value !== typeof its) throw new Error('a file and no file')
  if (unescaped(breaks(name)) !== itsName)
    throw new Error(`name ${JSON.stringify([name, itsName])}`)
  if (typeof value === 'string') {
    if (breaks(value).replace(/^\ufeff/, '') !== its) throw new Error(JSON.stringify([value, its]))
    return
  }
  if (unescaped(value.name) !== its.name || value.size !== its.size)
    throw new Error(`file ${JSON.stringify([value.name, its.name, value.size, its.size])}`)
  if ((await value.text()) !== (await its.text())) throw new Error('contents')
}

const breaks = (text) => text.replace(/\r\n|\r|\n/g, '\r\n')
const unescaped = (text) =>
  text.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%22', '"')
