import Joi from 'joi'

const schema = Joi.object({
  user: Joi.string().alphanum().min(3).required(),
  from: Joi.date().iso(),
  to: Joi.date().iso().greater(Joi.ref('from')),
  kind: Joi.string().valid('a', 'b').default('a'),
})

export default async (req: Request): Promise<Response> => {
  const { value, error } = schema.validate(await req.json(), { abortEarly: false })
  if (error === undefined) return Response.json(value)
  return Response.json(
    error.details.map(({ message }) => message),
    { status: 422 },
  )
}
