import pg from 'pg'
import { DataTypes, type Model, Op, Sequelize } from 'sequelize'

const database = new Sequelize('postgres://db.test/shop', { dialectModule: pg, logging: false })
const User = database.define('User', {
  name: { type: DataTypes.STRING(40), allowNull: false, validate: { len: [2, 40] } },
  age: { type: DataTypes.INTEGER, defaultValue: 18 },
})

interface Generator {
  selectQuery(table: string, options: object, model: unknown): string
}

/** Models, validation and SQL; a query needs a connection. */
export default async (): Promise<Response> => {
  const user: Model = User.build({ name: 'A' })
  const invalid = await user.validate().catch((error) => error)
  const { queryGenerator } = database.getQueryInterface() as unknown as {
    queryGenerator: Generator
  }
  const where = { age: { [Op.gte]: 18 }, name: { [Op.like]: "O'%" } }
  const failure = await database.authenticate().catch((error) => error)
  return Response.json({
    type: DataTypes.STRING(10).toString(),
    values: user.get(),
    invalid: [invalid.name, invalid.errors?.map((one: { path: string }) => one.path)],
    sql: queryGenerator.selectQuery('Users', { attributes: ['id'], where, limit: 5 }, User),
    failure: failure.message,
  })
}
