import sanitizeHtml from 'sanitize-html'

export default async (req: Request): Promise<Response> =>
  new Response(
    sanitizeHtml(await req.text(), {
      allowedTags: ['b', 'a', 'p'],
      allowedAttributes: { a: ['href'] },
      allowedSchemes: ['https'],
    }),
  )
