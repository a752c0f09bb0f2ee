import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser'

export default async (req: Request): Promise<Response> => {
  const text = await req.text()
  const valid = XMLValidator.validate(text)
  if (valid !== true) return Response.json(valid.err, { status: 400 })
  const value = new XMLParser({ ignoreAttributes: false }).parse(text)
  return Response.json({ value, again: new XMLBuilder({ ignoreAttributes: false }).build(value) })
}
