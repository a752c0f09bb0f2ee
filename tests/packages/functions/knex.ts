import knex from 'knex'

const db = knex({ client: 'pg' })

export default (): Response => {
  const select = db('users')
    .join('orders', 'users.id', 'orders.user_id')
    .where({ 'users.name': 'Ann' })
    .whereIn('orders.state', ['new', 'paid'])
    .orderBy('users.id', 'desc')
    .limit(5)
    .select('users.id', db.raw('count(*) as ??', ['n']))
  const insert = db('users')
    .insert({ name: 'Bob', tags: ['a'] })
    .returning('id')
  const table = db.schema.createTable('t', (t) => {
    t.increments('id')
    t.string('name', 40).notNullable()
  })
  return Response.json({
    select: select.toSQL().toNative(),
    text: db('t').where('a', "it's").toString(),
    insert: insert.toSQL().toNative(),
    table: table.toString(),
  })
}
