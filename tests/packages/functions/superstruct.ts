import { array, create, defaulted, number, object, refine, StructError, string } from 'superstruct'

const Even = refine(number(), 'even', (n) => n % 2 === 0)
const Body = object({ id: string(), counts: defaulted(array(Even), []) })

export default async (req: Request): Promise<Response> => {
  try {
    return Response.json(create(await req.json(), Body))
  } catch (error) {
    if (!(error instanceof StructError)) throw error
    return Response.json({ path: error.path, message: error.message }, { status: 422 })
  }
}
