import { Webhook } from 'svix'

const webhook = new Webhook('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')

export default async (req: Request): Promise<Response> => {
  const text = await req.text()
  if (req.headers.get('svix-signature') === null) {
    const date = new Date()
    return Response.json({
      date: Math.floor(date.getTime() / 1000),
      signature: webhook.sign('msg_1', date, text),
    })
  }
  try {
    return Response.json(webhook.verify(text, Object.fromEntries(req.headers)))
  } catch (error) {
    return new Response((error as Error).message, { status: 401 })
  }
}
