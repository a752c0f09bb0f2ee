import { enableMapSet, enablePatches, produce, produceWithPatches } from 'immer'

enableMapSet()
enablePatches()

export default async (req: Request): Promise<Response> => {
  const before = (await req.json()) as { list: { done: boolean }[] }
  const after = produce(before, (draft) => {
    draft.list[0] = { done: true }
  })
  const [, changes] = produceWithPatches(before, (draft) => {
    draft.list.push({ done: false })
  })
  const set = produce(new Set([1]), (draft) => void draft.add(2))
  return Response.json({
    before,
    after,
    frozen: Object.isFrozen(after.list),
    changes,
    set: [...set],
  })
}
