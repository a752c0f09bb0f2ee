import { applyPatch, createPatch, diffWords } from 'diff'

export default async (req: Request): Promise<Response> => {
  const { before, after } = (await req.json()) as { before: string; after: string }
  const patch = createPatch('notes.txt', before, after)
  const words = diffWords(before, after).filter(({ added, removed }) => added || removed)
  return Response.json({
    patch,
    applied: applyPatch(before, patch) === after,
    words: words.map(({ value }) => value),
  })
}
