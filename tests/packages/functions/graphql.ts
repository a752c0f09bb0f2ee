import { buildSchema, graphql } from 'graphql'

const schema = buildSchema(`
  type Book { title: String!, pages(atLeast: Int): Int }
  type Query { books(first: Int = 1): [Book!]! }
`)
const books = [
  { title: 'One', pages: ({ atLeast = 0 }) => Math.max(atLeast, 100) },
  { title: 'Two', pages: () => 200 },
]
const rootValue = { books: ({ first }: { first: number }) => books.slice(0, first) }

export default async (req: Request): Promise<Response> => {
  const { query, variables } = (await req.json()) as {
    query: string
    variables?: Record<string, unknown>
  }
  return Response.json(
    await graphql({ schema, rootValue, source: query, variableValues: variables }),
  )
}
