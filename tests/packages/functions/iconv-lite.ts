import iconv from 'iconv-lite'

export default async (req: Request): Promise<Response> => {
  const bytes = Buffer.from(await req.arrayBuffer())
  const charset = new URL(req.url).searchParams.get('charset') ?? 'utf8'
  return Response.json({
    known: iconv.encodingExists(charset),
    text: iconv.decode(bytes, charset),
    again: iconv.encode(iconv.decode(bytes, charset), charset).equals(bytes),
  })
}
