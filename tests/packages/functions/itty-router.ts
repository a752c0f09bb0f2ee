import { AutoRouter, error, withParams } from 'itty-router'

const router = AutoRouter({ before: [withParams] })
router
  .get('/items/:id', ({ id }) => ({ id }))
  .post('/items', async (req) => ({ made: await req.json() }))
  .get('/teapot', () => error(418, 'short and stout'))

export default { fetch: router.fetch }
