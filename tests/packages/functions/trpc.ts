import { initTRPC, TRPCError } from '@trpc/server'
import { fetchRequestHandler } from '@trpc/server/adapters/fetch'
import { z } from 'zod'

const t = initTRPC.create()
const router = t.router({
  greet: t.procedure
    .input(z.object({ name: z.string().min(1) }))
    .query(({ input }) => `Hello ${input.name}`),
  fail: t.procedure.mutation(() => {
    throw new TRPCError({ code: 'FORBIDDEN', message: 'not you' })
  }),
})

export default (req: Request): Promise<Response> =>
  fetchRequestHandler({ endpoint: '/trpc', req, router })
