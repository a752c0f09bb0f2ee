/** A tokenizer with its table in the bundle: byte pairs by rank, as language models have them. */
import ranks from './ranks.json'

const rankOf = new Map<string, number>()
let next = 0
for (const token of ranks as string[]) {
  rankOf.set(token, next++)
}

/** Greedy: the longest token of the table, again and again. */
export default async (req: Request): Promise<Response> => {
  const text = await req.text()
  const tokens: number[] = []
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + 64)
    while (end > at + 1 && !rankOf.has(text.slice(at, end))) end--
    tokens.push(rankOf.get(text.slice(at, end)) ?? -1)
    at = end
  }
  return Response.json({ entries: rankOf.size, tokens })
}
