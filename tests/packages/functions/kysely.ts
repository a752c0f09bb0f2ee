import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'

interface Tables {
  pet: { id: number; owner_id: number; name: string }
  person: { id: number; first_name: string }
}
const db = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (one) => new PostgresIntrospector(one),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

export default (): Response => {
  const { sql, parameters } = db
    .selectFrom('pet')
    .innerJoin('person', 'person.id', 'pet.owner_id')
    .select(['pet.name', 'first_name'])
    .where('pet.name', 'like', 'R%')
    .orderBy('pet.id')
    .compile()
  return Response.json({ sql, parameters })
}
