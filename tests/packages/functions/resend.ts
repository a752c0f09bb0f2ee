import { Resend } from 'resend'

globalThis.fetch = (async (input: string | URL | Request, init?: RequestInit) => {
  const request = new Request(input, init)
  const { to } = (await request.json()) as { to: string }
  if (to === 'nobody')
    return Response.json(
      { name: 'validation_error', message: 'no address', statusCode: 422 },
      { status: 422 },
    )
  return Response.json({
    id: `${new URL(request.url).pathname} ${request.headers.get('authorization')}`,
  })
}) as typeof fetch
const resend = new Resend('re_key')

export default async (req: Request): Promise<Response> => {
  const to = new URL(req.url).searchParams.get('to') ?? ''
  const { data, error } = await resend.emails.send({
    from: 'a@example.com',
    to,
    subject: 'Hi',
    html: '<p>Hi</p>',
  })
  return Response.json({ data, error: error?.name })
}
