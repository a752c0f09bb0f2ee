import * as z from 'zod'

const order = z.object({
  id: z.uuid(),
  lines: z.array(z.object({ sku: z.string().regex(/^[A-Z]{3}-\d+$/), count: z.int().positive() })),
  due: z.iso.date().transform((text) => new Date(text)),
})

export default async (req: Request): Promise<Response> => {
  const parsed = order.safeParse(await req.json())
  return parsed.success
    ? Response.json({ year: parsed.data.due.getUTCFullYear(), lines: parsed.data.lines.length })
    : Response.json(z.flattenError(parsed.error), { status: 422 })
}
