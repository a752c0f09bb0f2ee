import { PostHog } from 'posthog-node'

export default async (request: Request): Promise<Response> => {
  const host = new URL(request.url).searchParams.get('upstream') ?? ''
  const client = new PostHog('phc_key', { host, flushAt: 1, flushInterval: 0 })
  client.capture({ distinctId: 'ann', event: 'bought', properties: { price: 7 } })
  await client.shutdown()
  return new Response('sent')
}
