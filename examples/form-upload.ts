/**
 * A form with files: says of each what it is, and gives its SHA-256.
 *
 *     functions deploy form-upload examples/form-upload.ts
 *     curl -F title=Holiday -F photo=@a.jpg http://localhost:8080/functions/form-upload
 */
const PAGE = `<!doctype html>
<form method="post" enctype="multipart/form-data">
  <input name="title" required> <input name="photo" type="file" multiple> <button>Send</button>
</form>
`
const MAX_FILE_BYTES = 10 * 2 ** 20

const hex = (bytes: ArrayBuffer) => new Uint8Array(bytes).toHex()

async function describe(field: string, file: File) {
  return {
    ...{ field, name: file.name, type: file.type, size: file.size },
    sha256: hex(await crypto.subtle.digest('SHA-256', await file.arrayBuffer())),
  }
}

export default async (req: Request): Promise<Response> => {
  if (req.method !== 'POST') {
    return new Response(PAGE, { headers: { 'content-type': 'text/html; charset=utf-8' } })
  }
  let form: FormData
  try {
    form = await req.formData()
  } catch {
    return Response.json({ error: 'the body is no form' }, { status: 400 })
  }
  const fields: Record<string, string> = {}
  const files: File[] = []
  const names: string[] = []
  for (const [name, value] of form) {
    if (typeof value === 'string') {
      fields[name] = value
    } else {
      files.push(value)
      names.push(name)
    }
  }
  const large = files.find(({ size }) => size > MAX_FILE_BYTES)
  if (large !== undefined) {
    return Response.json({ error: `${large.name} is larger than 10 MB` }, { status: 413 })
  }
  const described = await Promise.all(files.map((file, i) => describe(names[i] as string, file)))
  return Response.json({ fields, files: described })
}
