import express from 'express'

const app = express()
app.get('/items/:id', (req, res) => {
  res.json({ id: req.params.id, page: req.query.page })
})

/** The application without a server: what it needs of a request and a response. */
export default (req: Request): Promise<Response> =>
  new Promise((done, fail) => {
    const { pathname, search } = new URL(req.url)
    const headers = new Headers()
    const request = { method: req.method, url: pathname + search, headers: {} }
    const response = {
      statusCode: 200,
      setHeader: (name: string, value: unknown) => headers.set(name, String(value)),
      getHeader: (name: string) => headers.get(name) ?? undefined,
      end(body?: string | Uint8Array<ArrayBuffer>) {
        done(new Response(body ?? null, { status: this.statusCode, headers }))
      },
    }
    app(request as never, response as never, fail)
  })
