import validator from 'validator'

export default async (req: Request): Promise<Response> => {
  const inputs = (await req.json()) as string[]
  return Response.json(
    inputs.map((text) => [
      validator.isEmail(text),
      validator.isURL(text),
      validator.isIBAN(text),
      validator.isISO8601(text),
      validator.escape(text),
    ]),
  )
}
