import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { HTTPException } from 'hono/http-exception'
import { streamSSE } from 'hono/streaming'
import { validator } from 'hono/validator'

const app = new Hono()
app.use('*', cors({ origin: 'https://example.com' }))
app.get('/users/:id', (c) => c.json({ id: c.req.param('id'), q: c.req.query('q') }))
app.post(
  '/users',
  validator('json', (value) => {
    if (typeof value.name !== 'string') throw new HTTPException(422, { message: 'name?' })
    return { name: value.name }
  }),
  (c) => c.json(c.req.valid('json'), 201),
)
app.get('/events', (c) =>
  streamSSE(c, async (stream) => {
    for (let n = 0; n < 2; n++) await stream.writeSSE({ id: String(n), data: `event ${n}` })
  }),
)
app.get('/fail', () => {
  throw new Error('no luck')
})
app.onError((error, c) =>
  error instanceof HTTPException ? error.getResponse() : c.text(`caught ${error.message}`, 500),
)

export default app
