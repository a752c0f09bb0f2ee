import ms from 'ms'

export default (): Response =>
  Response.json([
    ms('2 days'),
    ms('1.5h'),
    ms(60_000),
    ms(2 * 60_000, { long: true }),
    ms('x' as '1s'),
  ])
