import { generateText, streamText } from 'ai'
import { MockLanguageModelV3, simulateReadableStream } from 'ai/test'

const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } } as never

export default async (): Promise<Response> => {
  const model = new MockLanguageModelV3({
    doGenerate: async () =>
      ({
        finishReason: { unified: 'stop', raw: undefined },
        usage,
        content: [{ type: 'text', text: 'Hello' }],
        warnings: [],
      }) as never,
    doStream: async () =>
      ({
        stream: simulateReadableStream({
          chunks: [
            { type: 'text-start', id: '1' },
            { type: 'text-delta', id: '1', delta: 'a ' },
            { type: 'text-delta', id: '1', delta: 'stream' },
            { type: 'text-end', id: '1' },
            { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage },
          ],
        }),
      }) as never,
  })
  const { text } = await generateText({ model, prompt: 'Hi' })
  const parts: string[] = []
  for await (const part of streamText({ model, prompt: 'Hi' }).textStream) parts.push(part)
  return Response.json({ text, parts })
}
