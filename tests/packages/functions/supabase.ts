import { createClient } from '@supabase/supabase-js'

const fake: typeof fetch = async (input, init) => {
  const request = new Request(input, init)
  const { pathname, searchParams } = new URL(request.url)
  if (request.method === 'POST')
    return Response.json([{ id: 3, ...((await request.json()) as object) }], { status: 201 })
  if (pathname.endsWith('/missing'))
    return Response.json({ code: '42P01', message: 'no such table' }, { status: 404 })
  return Response.json([
    { id: 1, filter: searchParams.get('id'), select: searchParams.get('select') },
  ])
}
/** The client of real time wants a WebSocket when it is made, and does not use it here. */
class NoSocket {}
const client = createClient('https://db.example.com', 'key', {
  global: { fetch: fake },
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: NoSocket as never },
})

export default async (): Promise<Response> => {
  const found = await client.from('notes').select('id, text').gt('id', 0).limit(2)
  const made = await client.from('notes').insert({ text: 'new' }).select()
  const missing = await client.from('missing').select()
  return Response.json({ found: found.data, made: made.data, code: missing.error?.code })
}
