import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import FormData from 'form-data'

export default async (): Promise<Response> => {
  const form = new FormData()
  form.append('name', 'Änn')
  form.append('photo', Buffer.from('bytes'), { filename: 'a.png', contentType: 'image/png' })
  const whole = form.getBuffer().toString()
  const stream = new FormData()
  stream.append('n', 5)
  const piped = await text(stream.pipe(new PassThrough()))
  return Response.json({
    type: form.getHeaders()['content-type']?.replace(form.getBoundary(), 'B'),
    text: whole.replaceAll(form.getBoundary(), 'B'),
    length: form.getLengthSync() === Buffer.byteLength(whole),
    piped: piped.includes('name="n"'),
  })
}
