import { debounce, get, orderBy, pick, template } from 'lodash-es'

export default async (req: Request): Promise<Response> => {
  const people = (await req.json()) as { name: string; age: number }[]
  let calls = 0
  const late = debounce(() => calls++, 5)
  for (let i = 0; i < 10; i++) late()
  await new Promise((resolve) => setTimeout(resolve, 50))
  return Response.json({
    sorted: orderBy(people, ['age', 'name'], ['desc', 'asc']).map((one) => pick(one, 'name')),
    first: get(people, '[0].name', 'nobody'),
    calls,
    template: typeof template,
  })
}
