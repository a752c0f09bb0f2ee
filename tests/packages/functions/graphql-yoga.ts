import { createSchema, createYoga } from 'graphql-yoga'

const yoga = createYoga({
  logging: false,
  schema: createSchema({
    typeDefs: 'type Query { add(a: Int!, b: Int!): Int! fail: Int }',
    resolvers: {
      Query: {
        add: (_: unknown, { a, b }: { a: number; b: number }) => a + b,
        fail: () => {
          throw new Error('secret')
        },
      },
    },
  }),
})

export default (req: Request): Promise<Response> => Promise.resolve(yoga.fetch(req, {}))
