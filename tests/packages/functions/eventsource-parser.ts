import { EventSourceParserStream } from 'eventsource-parser/stream'

/** The events of a body, as JSON. */
export default async (req: Request): Promise<Response> => {
  const events: unknown[] = []
  const decoder = new TextDecoder()
  const text = new TransformStream<Uint8Array, string>({
    transform: (chunk, controller) => controller.enqueue(decoder.decode(chunk, { stream: true })),
  })
  const stream = (req.body as ReadableStream<Uint8Array>)
    .pipeThrough(text)
    .pipeThrough(new EventSourceParserStream())
  for await (const { event, data, id } of stream) {
    events.push({ event, data, id })
  }
  return Response.json(events)
}
