import slugify from 'slugify'

export default async (req: Request): Promise<Response> =>
  new Response(slugify(await req.text(), { lower: true, strict: true }))
