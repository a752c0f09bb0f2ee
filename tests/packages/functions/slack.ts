import { WebClient } from '@slack/web-api'

export default async (): Promise<Response> => {
  const sent: unknown[] = []
  const client = new WebClient('xoxb-1', {
    retryConfig: { retries: 0 },
    fetch: (async (url: string, init: RequestInit) => {
      sent.push([String(url), init.method, String(init.body)])
      return Response.json({ ok: true, ts: '1.2', channel: 'C1' })
    }) as never,
  })
  const { ok, ts } = await client.chat.postMessage({ channel: 'C1', text: 'Hello Änn' })
  return Response.json({ ok, ts, sent })
}
