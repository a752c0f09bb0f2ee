import { parse, stringify, v4, v5, v7, validate, version } from 'uuid'

export default (): Response => {
  const fourth = v4()
  const seventh = v7()
  return Response.json({
    fourth: [validate(fourth), version(fourth)],
    seventh: [validate(seventh), version(seventh), seventh < v7({ msecs: Date.now() + 5 })],
    named: v5('functions.example', v5.DNS),
    again: stringify(parse(fourth)) === fourth,
  })
}
