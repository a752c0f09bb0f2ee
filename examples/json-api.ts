/**
 * A small JSON API in the object form: routes, methods, a checked body, and work after the response.
 *
 *     functions deploy json-api examples/json-api.ts --memory 32MB --timeout 5s
 *     functions invoke json-api /slugs -d '{"title":"Hello, Wörld!"}'
 */
interface Context {
  requestId: string
  waitUntil(promise: Promise<unknown>): void
}

type Route = (req: Request) => Response | Promise<Response>

const MAX_TITLE = 200

const problem = (status: number, detail: string) =>
  Response.json(
    { status, detail },
    { status, headers: { 'content-type': 'application/problem+json' } },
  )

/** `Hello, Wörld!` becomes `hello-world`. */
function slugOf(title: string): string {
  const plain = title.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  return plain.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
}

const routes: Record<string, Route> = {
  'POST /slugs': async (req) => {
    const body: unknown = await req.json().catch(() => undefined)
    const title = (body as { title?: unknown } | undefined)?.title
    if (typeof title !== 'string' || title.length > MAX_TITLE) {
      return problem(400, `title must be a text of at most ${MAX_TITLE} characters`)
    }
    return Response.json({ slug: slugOf(title) }, { status: 201 })
  },
  'GET /ids': () => Response.json({ id: crypto.randomUUID() }),
}

export default {
  async fetch(req: Request, _env: Record<string, string>, ctx: Context): Promise<Response> {
    const { pathname } = new URL(req.url)
    const route = routes[`${req.method} ${pathname}`]
    if (route !== undefined) {
      // The client has its answer before this line is in the logs.
      ctx.waitUntil(Promise.resolve().then(() => console.log(req.method, pathname, ctx.requestId)))
      return await route(req)
    }
    const known = Object.keys(routes).filter((key) => key.endsWith(` ${pathname}`))
    return known.length === 0
      ? problem(404, `there is nothing at ${pathname}`)
      : problem(405, `${pathname} takes ${known.map((key) => key.split(' ')[0]).join(', ')}`)
  },
}
