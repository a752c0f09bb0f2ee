import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import Koa from 'koa'

const app = new Koa({ proxy: true })
app.silent = true
app.use(async (ctx, next) => {
  ctx.set('x-time', 'now')
  await next()
})
app.use(async (ctx) => {
  if (ctx.path === '/fail') ctx.throw(418, 'short and stout')
  const chunks: Uint8Array[] = []
  for await (const chunk of ctx.req) chunks.push(chunk as Uint8Array)
  ctx.cookies.set('seen', '1')
  ctx.body = {
    path: ctx.path,
    page: ctx.query.page,
    body: Buffer.concat(chunks).toString(),
    type: ctx.is('json'),
    accepts: ctx.accepts('html', 'json'),
  }
})
const handle = app.callback()

/** The application without a server: what it needs of a request and a response. */
export default async (req: Request): Promise<Response> => {
  const { pathname, search } = new URL(req.url)
  const bytes = Buffer.from(await req.arrayBuffer())
  const request = Object.assign(Readable.from([bytes]), {
    httpVersion: '1.1',
    method: req.method,
    url: pathname + search,
    headers: { ...Object.fromEntries(req.headers), 'content-length': `${bytes.length}` },
    socket: new EventEmitter(),
  })
  return await new Promise((done) => {
    const headers = new Headers()
    const response = Object.assign(new EventEmitter(), {
      statusCode: 404,
      headersSent: false,
      finished: false,
      writable: true,
      socket: Object.assign(new EventEmitter(), { writable: true }),
      setHeader: (name: string, value: string | string[]) => {
        headers.delete(name)
        for (const each of [value].flat()) headers.append(name, String(each))
      },
      getHeader: (name: string) => headers.get(name) ?? undefined,
      hasHeader: (name: string) => headers.has(name),
      removeHeader: (name: string) => headers.delete(name),
      getHeaders: () => Object.fromEntries(headers),
      getHeaderNames: () => [...headers.keys()],
      end(body?: string | Uint8Array<ArrayBuffer>) {
        response.finished = true
        response.emit('finish')
        done(new Response(body ?? null, { status: response.statusCode, headers }))
      },
    })
    void handle(request as never, response as never)
  })
}
