import showdown from 'showdown'

export default async (req: Request): Promise<Response> => {
  const converter = new showdown.Converter({ tables: true, strikethrough: true })
  return new Response(converter.makeHtml(await req.text()))
}
