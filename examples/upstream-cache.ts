/**
 * Keeps the answers of an API for a while. While an answer is stale but not too old, it is given at
 * once and refreshed after the response. Each worker has its own cache.
 *
 *     functions deploy upstream-cache examples/upstream-cache.ts --profile permissive
 *     curl -i 'http://localhost:8080/functions/upstream-cache?url=https://api.example.com/rates'
 */
interface Entry {
  status: number
  type: string
  body: Uint8Array
  storedAt: number
}

interface Context {
  env: Record<string, string>
  waitUntil(promise: Promise<unknown>): void
}

const MAX_ENTRIES = 100
const MAX_BODY_BYTES = 1024 * 1024
const FRESH_MS = 10_000
const STALE_MS = 60_000

/** In the order of their use: the first one was used the longest ago. */
const cache = new Map<string, Entry>()

async function load(url: string): Promise<Entry> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) })
  const entry = {
    status: response.status,
    type: response.headers.get('content-type') ?? 'application/octet-stream',
    body: await response.bytes(),
    storedAt: Date.now(),
  }
  if (response.ok && entry.body.length <= MAX_BODY_BYTES) {
    cache.set(url, entry)
    if (cache.size > MAX_ENTRIES) cache.delete(cache.keys().next().value as string)
  }
  return entry
}

function answer({ status, type, body, storedAt }: Entry, how: string): Response {
  const age = Math.floor((Date.now() - storedAt) / 1000)
  return new Response(body as BodyInit, {
    status,
    headers: { 'content-type': type, age: String(age), 'x-cache': how },
  })
}

export default async (req: Request, ctx: Context): Promise<Response> => {
  const url = new URL(req.url).searchParams.get('url')
  if (url === null) return Response.json({ error: 'say what: ?url=https://...' }, { status: 400 })
  const known = cache.get(url)
  const ageMs = known === undefined ? Number.POSITIVE_INFINITY : Date.now() - known.storedAt
  if (known === undefined || ageMs > STALE_MS) return answer(await load(url), 'miss')
  cache.delete(url)
  cache.set(url, known)
  if (ageMs > FRESH_MS) ctx.waitUntil(load(url))
  return answer(known, ageMs > FRESH_MS ? 'stale' : 'hit')
}
