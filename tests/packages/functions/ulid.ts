import { decodeTime, monotonicFactory, ulid } from 'ulid'

export default (): Response => {
  const next = monotonicFactory()
  const ids = Array.from({ length: 20 }, () => next(1_700_000_000_000))
  return Response.json({
    id: ulid(),
    time: decodeTime(ids[0] as string),
    ordered: ids.every((id, i) => i === 0 || id > (ids[i - 1] as string)),
  })
}
