import OpenAI from 'openai'

const words = ['Hel', 'lo', '!']
const fake: typeof fetch = async (input, init) => {
  const request = new Request(input, init)
  const { model, stream } = (await request.json()) as { model: string; stream?: boolean }
  if (model === 'none')
    return Response.json(
      { error: { message: 'no such model', code: 'model_not_found' } },
      { status: 404 },
    )
  if (stream !== true)
    return Response.json({
      id: 'c1',
      choices: [{ index: 0, message: { role: 'assistant', content: words.join('') } }],
    })
  const chunk = (content: string) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`
  const body = new ReadableStream({
    async start(controller) {
      for (const word of words) {
        controller.enqueue(chunk(word))
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      controller.enqueue('data: [DONE]\n\n')
      controller.close()
    },
  })
  return new Response(body.pipeThrough(new TextEncoderStream()), {
    headers: { 'content-type': 'text/event-stream' },
  })
}
const client = new OpenAI({ apiKey: 'k', fetch: fake, maxRetries: 0 })

export default async (req: Request): Promise<Response> => {
  const model = new URL(req.url).searchParams.get('model') ?? 'small'
  const messages = [{ role: 'user' as const, content: 'Hi' }]
  try {
    const whole = await client.chat.completions.create({ model, messages })
    const stream = await client.chat.completions.create({ model, messages, stream: true })
    const parts: string[] = []
    for await (const part of stream) parts.push(part.choices[0]?.delta.content ?? '')
    return Response.json({ whole: whole.choices[0]?.message.content, parts })
  } catch (error) {
    if (error instanceof OpenAI.APIError)
      return Response.json({ status: error.status, code: error.code }, { status: 502 })
    throw error
  }
}
