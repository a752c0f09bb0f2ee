import superjson from 'superjson'

/** What JSON cannot say comes back as it was. */
export default async (req: Request): Promise<Response> => {
  const value = superjson.parse(await req.text()) as Record<string, unknown>
  const kinds = Object.entries(value).map(([key, item]) => [
    key,
    Object.prototype.toString.call(item).slice(8, -1),
  ])
  return Response.json({ kinds: Object.fromEntries(kinds), again: superjson.serialize(value) })
}
