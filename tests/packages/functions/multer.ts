import { Readable } from 'node:stream'
import multer from 'multer'

const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 1000 } })

export default async (req: Request): Promise<Response> => {
  const bytes = Buffer.from(await req.arrayBuffer())
  const request = Object.assign(Readable.from([bytes.subarray(0, 50), bytes.subarray(50)]), {
    headers: { ...Object.fromEntries(req.headers), 'content-length': `${bytes.length}` },
  }) as Readable & { body?: object; file?: Record<string, unknown> }
  const error = await new Promise<{ code?: string } | undefined>((done) => {
    upload.single('photo')(request as never, {} as never, done as never)
  })
  if (error !== undefined) return Response.json({ code: error.code })
  const { buffer, ...rest } = request.file ?? {}
  return Response.json({ body: request.body, file: rest, text: `${buffer}` })
}
