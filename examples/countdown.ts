/**
 * Streams server-sent events, one a second, and stops when the client goes.
 *
 *     functions deploy countdown examples/countdown.ts
 *     curl -N 'http://localhost:8080/functions/countdown?from=5'
 */
const MAX_FROM = 60

export default (req: Request): Response => {
  const from = Number(new URL(req.url).searchParams.get('from') ?? 3)
  if (!Number.isInteger(from) || from < 1 || from > MAX_FROM) {
    return new Response(`from must be a whole number from 1 to ${MAX_FROM}\n`, { status: 400 })
  }
  const encoder = new TextEncoder()
  let left = from
  const events = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (left < from) {
        await new Promise((done) => setTimeout(done, 1000))
      }
      if (req.signal.aborted) {
        return controller.close()
      }
      controller.enqueue(encoder.encode(`data: ${left}\n\n`))
      left--
      if (left < 0) {
        controller.close()
      }
    },
  })
  return new Response(events, { headers: { 'content-type': 'text/event-stream' } })
}
