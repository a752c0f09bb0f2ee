import { PostHog } from 'posthog-node'

const sent: string[] = []
const fetch = async (url: string, options: { body?: string | Blob }) => {
  const body =
    typeof options.body === 'string' ? options.body : await new Response(options.body).text()
  sent.push(`${new URL(url).pathname} ${body.includes('signed up')}`)
  return {
    status: 200,
    text: async () => '{}',
    json: async () => ({ status: 1 }),
    headers: new Headers(),
  }
}

export default async (): Promise<Response> => {
  const client = new PostHog('key', {
    host: 'https://ph.example.com',
    fetch: fetch as never,
    flushAt: 1,
    flushInterval: 0,
    disableCompression: true,
  } as never)
  client.capture({ distinctId: 'ann', event: 'signed up' })
  await client.shutdown()
  return Response.json(sent)
}
