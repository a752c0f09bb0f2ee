import mysql from 'mysql2'

export default (): Response =>
  Response.json({
    format: mysql.format('select ?? from ?? where a = ? and b in (?) and c = ?', [
      'id',
      'db.table',
      "it's",
      [1, 2],
      null,
    ]),
    set: mysql.format(
      'update t set ?',
      { name: 'Änn', at: new Date(0), raw: mysql.raw('now()') },
      false,
      'Z',
    ),
    escape: mysql.escape('a\n"b"\\'),
    id: mysql.escapeId('a`b.c'),
  })
