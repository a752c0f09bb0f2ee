import * as R from 'ramda'

const summary = R.pipe(
  R.filter<{ price: number; kind: string }>(R.propSatisfies(R.lt(1), 'price')),
  R.groupBy((one: { kind: string }) => one.kind),
  R.map(R.pluck('price') as never),
  R.map(R.sum as never),
)

export default async (req: Request): Promise<Response> => {
  const items = (await req.json()) as { price: number; kind: string }[]
  return Response.json({
    summary: summary(items as never),
    lens: R.over(R.lensPath(['a', 0, 'b']), R.inc, { a: [{ b: 1 }] }),
    curried: R.curry((a: number, b: number, c: number) => a + b + c)(1)(2)(3),
  })
}
