import createClient from 'openapi-fetch'

interface paths {
  '/pets/{id}': {
    get: {
      parameters: { path: { id: number }; query?: { fields?: string[] } }
      responses: { 200: { content: { 'application/json': { name: string; asked: string } } } }
    }
  }
  '/pets': {
    post: {
      requestBody: { content: { 'application/json': { name: string } } }
      responses: {
        201: { content: { 'application/json': { made: string } } }
        422: { content: { 'application/json': { error: string } } }
      }
    }
  }
}

/** The API, without a network: it answers what the client really asks. */
async function api(request: Request): Promise<Response> {
  const url = new URL(request.url)
  if (request.method === 'GET') {
    return Response.json({ name: 'Rex', asked: `${url.pathname}${url.search}` })
  }
  const { name } = (await request.json()) as { name: string }
  if (name === '') return Response.json({ error: 'no name' }, { status: 422 })
  const type = request.headers.get('content-type')
  return Response.json(
    { made: `${name} by ${request.headers.get('x-key')}, ${type}` },
    { status: 201 },
  )
}

const client = createClient<paths>({ baseUrl: 'https://pets.example/v1', fetch: api })
client.use({
  onRequest({ request }) {
    request.headers.set('x-key', 'secret')
    return request
  },
})

export default async (req: Request): Promise<Response> => {
  if (req.method === 'GET') {
    const { data } = await client.GET('/pets/{id}', {
      params: { path: { id: 7 }, query: { fields: ['name', 'age'] } },
    })
    return Response.json(data)
  }
  const { data, error, response } = await client.POST('/pets', {
    body: (await req.json()) as { name: string },
  })
  return Response.json({ data, error, status: response.status })
}
