import { Readable, Writable } from 'node:stream'
import formidable from 'formidable'

export default async (req: Request): Promise<Response> => {
  const bytes = Buffer.from(await req.arrayBuffer())
  const request = Object.assign(Readable.from([bytes.subarray(0, 50), bytes.subarray(50)]), {
    headers: { ...Object.fromEntries(req.headers), 'content-length': `${bytes.length}` },
  })
  const parts: Buffer[] = []
  const form = formidable({
    fileWriteStreamHandler: () =>
      new Writable({
        write(chunk, _encoding, done) {
          parts.push(chunk)
          done()
        },
      }),
  })
  const [fields, files] = await form.parse(request as never)
  const file = files.photo?.[0]
  return Response.json({
    fields,
    file: [file?.originalFilename, file?.mimetype, file?.size],
    text: Buffer.concat(parts).toString(),
  })
}
