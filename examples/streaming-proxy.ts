/**
 * Passes requests on to another server and its answers back, bodies included, as streams: neither is
 * ever held whole.
 *
 *     functions deploy streaming-proxy examples/streaming-proxy.ts --profile permissive
 *     curl 'http://localhost:8080/functions/streaming-proxy?url=https://example.com/'
 */
export default async (req: Request): Promise<Response> => {
  const target = new URL(req.url).searchParams.get('url')
  if (target === null || !URL.canParse(target)) {
    return Response.json({ error: 'say where to: ?url=https://...' }, { status: 400 })
  }
  const headers = new Headers(req.headers)
  // What speaks of this hop is not for the next one.
  for (const name of ['host', 'content-length', 'x-forwarded-prefix']) headers.delete(name)
  try {
    return await fetch(target, {
      method: req.method,
      headers,
      body: req.body,
      duplex: 'half',
      redirect: 'manual',
      // Abort the upstream request when the client disconnects.
      signal: req.signal,
    } as RequestInit)
  } catch (error) {
    return Response.json({ error: String(error) }, { status: 502 })
  }
}
