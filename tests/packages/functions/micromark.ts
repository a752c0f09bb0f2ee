import { micromark } from 'micromark'

export default async (req: Request): Promise<Response> => new Response(micromark(await req.text()))
