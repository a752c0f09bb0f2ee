import _ from 'lodash'

/** Groups orders by customer, and clones deeply. */
export default async (req: Request): Promise<Response> => {
  const orders = (await req.json()) as { customer: string; total: number; tags: string[] }[]
  const copy = _.cloneDeep(orders)
  if (copy[0] !== undefined) copy[0].tags.push('copied')
  return Response.json({
    totals: _.mapValues(_.groupBy(orders, 'customer'), (list) => _.sumBy(list, 'total')),
    tags: _.uniq(_.flatMap(orders, 'tags')),
    chunks: _.chunk(_.range(5), 2),
    slug: _.kebabCase('Größe und Farbe'),
    merged: _.merge({ a: { b: 1 } }, { a: { c: 2 } }),
    unchanged: !_.isEqual(copy, orders),
  })
}
