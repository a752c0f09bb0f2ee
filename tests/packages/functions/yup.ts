import { array, number, object, string, ValidationError } from 'yup'

const order = object({
  id: string().uuid().required(),
  lines: array()
    .of(object({ count: number().positive().integer().required() }))
    .min(1),
})

export default async (req: Request): Promise<Response> => {
  try {
    return Response.json(await order.validate(await req.json(), { abortEarly: false }))
  } catch (error) {
    if (error instanceof ValidationError) return Response.json(error.errors, { status: 422 })
    throw error
  }
}
