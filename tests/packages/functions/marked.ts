import { marked } from 'marked'

export default async (req: Request): Promise<Response> =>
  new Response(await marked.parse(await req.text()), { headers: { 'content-type': 'text/html' } })
