import * as v from 'valibot'

const User = v.object({
  name: v.pipe(v.string(), v.minLength(2)),
  email: v.pipe(v.string(), v.email()),
  age: v.optional(v.pipe(v.number(), v.integer()), 18),
})

export default async (req: Request): Promise<Response> => {
  const { success, output, issues } = v.safeParse(User, await req.json())
  return success ? Response.json(output) : Response.json(v.flatten(issues).nested, { status: 422 })
}
