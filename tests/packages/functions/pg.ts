import pg from 'pg'

const { escapeIdentifier, escapeLiteral, Pool, Query, types } = pg

export default async (): Promise<Response> => {
  const pool = new Pool({ connectionString: 'postgres://ann:secret@db.test:5433/shop' })
  // pg makes its socket before it has a promise to reject.
  let failure: unknown
  try {
    await pool.query('select 1')
  } catch (error) {
    failure = [(error as { code: string }).code, (error as Error).message]
  }
  const query = new Query('select $1::int', [1])
  return Response.json({
    literal: escapeLiteral("it's \\ done"),
    name: escapeIdentifier('a"b'),
    options: [pool.options.connectionString],
    text: (query as unknown as { text: string }).text,
    int: types.getTypeParser(types.builtins.INT4)('42'),
    date: (
      types.getTypeParser(types.builtins.TIMESTAMPTZ)('2026-01-02 03:04:05+00') as Date
    ).toISOString(),
    array: types.getTypeParser(1007 as never)('{1,2,NULL}'),
    json: types.getTypeParser(types.builtins.JSONB)('{"a":[1]}'),
    failure,
  })
}
