import { parse } from 'node-html-parser'

export default async (req: Request): Promise<Response> => {
  const root = parse(await req.text())
  for (const script of root.querySelectorAll('script')) script.remove()
  return Response.json({
    items: root
      .querySelectorAll('.item[data-id]')
      .map((one) => [one.getAttribute('data-id'), one.text.trim()]),
    html: root.toString(),
  })
}
