import Anthropic from '@anthropic-ai/sdk'

const events = [
  [
    'message_start',
    {
      message: {
        id: 'm',
        type: 'message',
        role: 'assistant',
        content: [],
        model: 'x',
        usage: { input_tokens: 1, output_tokens: 1 },
      },
    },
  ],
  ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }],
  ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Good ' } }],
  ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'day' } }],
  ['content_block_stop', { index: 0 }],
  ['message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } }],
  ['message_stop', {}],
] as const
const fake: typeof fetch = async () => {
  const text = events
    .map(([type, data]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
    .join('')
  return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
}
const client = new Anthropic({ apiKey: 'k', fetch: fake, maxRetries: 0 })

export default async (): Promise<Response> => {
  const stream = client.messages.stream({
    model: 'x',
    max_tokens: 10,
    messages: [{ role: 'user', content: 'Hi' }],
  })
  const parts: string[] = []
  stream.on('text', (text) => void parts.push(text))
  const { content, stop_reason } = await stream.finalMessage()
  return Response.json({ parts, text: content[0]?.type === 'text' && content[0].text, stop_reason })
}
