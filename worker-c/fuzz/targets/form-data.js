// Bodies of forms: refused with a TypeError, or what was read is written and read again.
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
    if (typeof entries[i][1] !== typeof again[i][1]) throw new Error('a file and no file')
  }
}
