import { parse, parseDocument, stringify } from 'yaml'

export default async (req: Request): Promise<Response> => {
  const text = await req.text()
  const document = parseDocument(text)
  if (document.errors.length > 0) {
    return Response.json({ error: document.errors[0]?.message }, { status: 400 })
  }
  document.setIn(['service', 'replicas'], 3)
  return Response.json({
    value: parse(text),
    changed: String(document),
    made: stringify({ a: [1, { b: null }] }),
  })
}
