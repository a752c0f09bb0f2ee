/**
 * A Hono application: routes, middleware, a checked body, an error handler.
 *
 *     npm install hono && functions deploy notes examples/hono-app.ts
 *     curl -d '{"text":"buy milk"}' -H 'content-type: application/json' http://localhost:8080/functions/notes/notes
 */
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { validator } from 'hono/validator'

interface Note {
  id: string
  text: string
}

const MAX_NOTES = 1000

/** As long as the worker lives: a real application would have a database behind an API. */
const notes = new Map<string, Note>()

const app = new Hono()

app.use(async (c, next) => {
  const start = performance.now()
  await next()
  c.header('server-timing', `app;dur=${(performance.now() - start).toFixed(1)}`)
})

app.get('/notes', (c) => c.json([...notes.values()]))

app.post(
  '/notes',
  validator('json', (value: { text?: unknown }) => {
    if (typeof value.text !== 'string' || value.text.trim() === '') {
      throw new HTTPException(422, { message: 'text must be a text' })
    }
    return { text: value.text.trim() }
  }),
  (c) => {
    const note = { id: crypto.randomUUID(), ...c.req.valid('json') }
    notes.set(note.id, note)
    if (notes.size > MAX_NOTES) {
      notes.delete(notes.keys().next().value as string)
    }
    return c.json(note, 201)
  },
)

app.get('/notes/:id', (c) => {
  const note = notes.get(c.req.param('id'))
  if (note === undefined) throw new HTTPException(404, { message: 'there is no such note' })
  return c.json(note)
})

app.delete('/notes/:id', (c) => c.body(null, notes.delete(c.req.param('id')) ? 204 : 404))

app.onError((error, c) => {
  if (error instanceof HTTPException) {
    return c.json({ error: error.message }, error.status)
  }
  console.error(error)
  return c.json({ error: 'internal error' }, 500)
})

export default app
