import { decodeHTML, encodeXML } from 'entities'
import he from 'he'

export default async (req: Request): Promise<Response> => {
  const text = await req.text()
  return Response.json({
    he: he.decode(text),
    entities: decodeHTML(text),
    encoded: [he.encode('ü<'), encodeXML('ü<')],
  })
}
