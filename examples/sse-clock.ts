/**
 * A clock as server-sent events: one a second, until the client disconnects.
 *
 *     functions deploy sse-clock examples/sse-clock.ts
 *     curl -N 'http://localhost:8080/functions/sse-clock?every=500'
 */
export default (req: Request): Response => {
  const every = Math.max(10, Number(new URL(req.url).searchParams.get('every') ?? 1000))
  const encoder = new TextEncoder()
  let timer: ReturnType<typeof setInterval>
  let id = 0
  const events = new ReadableStream<Uint8Array>({
    start(controller) {
      const tick = () => {
        const data = JSON.stringify({ time: new Date().toISOString() })
        controller.enqueue(encoder.encode(`id: ${++id}\nevent: tick\ndata: ${data}\n\n`))
      }
      // The first event at once: the client sees that it is connected.
      tick()
      timer = setInterval(tick, every)
    },
    cancel(reason) {
      clearInterval(timer)
      console.log(`the listener went after ${id} events: ${reason}`)
    },
  })
  return new Response(events, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  })
}
