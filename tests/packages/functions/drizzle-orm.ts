import { and, eq, gt, sql } from 'drizzle-orm'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/pg-proxy'

const users = pgTable('users', {
  id: integer().primaryKey(),
  name: text().notNull(),
  age: integer(),
})
const seen: unknown[] = []
const db = drizzle(async (statement, params) => {
  seen.push([statement, params])
  return { rows: statement.startsWith('select') ? [[1, 'Ann', 40]] : [] }
})

export default async (): Promise<Response> => {
  const rows = await db
    .select()
    .from(users)
    .where(and(eq(users.name, 'Ann'), gt(users.age, 18)))
    .limit(5)
  await db
    .update(users)
    .set({ age: sql`${users.age} + 1` })
    .where(eq(users.id, 1))
  return Response.json({ rows, seen })
}
