/**
 * An order service: the second function whose cold start is measured.
 *
 * It is what a typical deployed API is made of: a Hono application with several routes, middleware,
 * and zod schemas for the query and the JSON body. Its answers depend on the request only.
 */
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { validator } from 'hono/validator'
import { z } from 'zod'

const VAT_PERCENT = { DE: 19, FR: 20, IT: 22 } as const

const PRODUCTS = [
  { sku: 'PEN-01', name: 'Pen', cents: 120, tags: ['office'] },
  { sku: 'INK-07', name: 'Ink', cents: 890, tags: ['office', 'liquid'] },
  { sku: 'MUG-03', name: 'Mug', cents: 1450, tags: ['kitchen'] },
]

const Sku = z.string().regex(/^[A-Z]{3}-\d{2}$/, 'must look like ABC-12')

const ProductQuery = z.object({
  tag: z.string().min(1).max(20).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  sort: z.enum(['name', 'price']).default('name'),
})

const Address = z.object({
  name: z.string().trim().min(1).max(100),
  street: z.string().min(1),
  postcode: z.string().regex(/^\d{5}$/),
  country: z.enum(['DE', 'FR', 'IT']),
})

const Order = z.object({
  email: z.email().transform((email) => email.toLowerCase()),
  items: z
    .array(z.object({ sku: Sku, count: z.number().int().positive().max(99) }))
    .min(1)
    .max(50),
  shipTo: Address,
  billTo: Address.optional(),
  payment: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('card'), token: z.string().length(16) }),
    z.object({ kind: z.literal('invoice'), days: z.union([z.literal(14), z.literal(30)]) }),
  ]),
  note: z.string().max(500).nullish(),
})

/** Answers 422 with a list of the issues when `value` does not match `schema`. */
function check<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value)
  if (!result.success) {
    const issues = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new HTTPException(422, { message: issues.join('; ') })
  }
  return result.data
}

function priceOf(sku: string): number {
  const product = PRODUCTS.find((candidate) => candidate.sku === sku)
  if (product === undefined) {
    throw new HTTPException(422, { message: `product ${sku} does not exist` })
  }
  return product.cents
}

const app = new Hono()

app.use(async (c, next) => {
  await next()
  c.header('cache-control', 'no-store')
})

app.get('/', (c) => c.json({ service: 'orders' }))

app.get(
  '/products',
  validator('query', (query) => check(ProductQuery, query)),
  (c) => {
    const { tag, limit, sort } = c.req.valid('query')
    const found = PRODUCTS.filter((product) => tag === undefined || product.tags.includes(tag))
    found.sort((a, b) => (sort === 'price' ? a.cents - b.cents : a.name.localeCompare(b.name)))
    return c.json({ products: found.slice(0, limit) })
  },
)

app.get('/products/:sku', (c) => {
  const sku = check(Sku, c.req.param('sku'))
  return c.json({ sku, cents: priceOf(sku) })
})

app.post(
  '/orders',
  validator('json', (body) => check(Order, body)),
  (c) => {
    const { email, items, shipTo } = c.req.valid('json')
    const net = items.reduce((sum, { sku, count }) => sum + count * priceOf(sku), 0)
    const vat = Math.round((net * VAT_PERCENT[shipTo.country]) / 100)
    return c.json({ email, lines: items.length, net, vat, total: net + vat }, 201)
  },
)

app.notFound((c) => c.json({ error: `no route for ${c.req.method} ${c.req.path}` }, 404))

app.onError((error, c) => {
  const status = error instanceof HTTPException ? error.status : 500
  return c.json({ error: error.message }, status)
})

export default app
