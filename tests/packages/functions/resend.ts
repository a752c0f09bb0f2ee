import { Resend } from 'resend'

export default async (request: Request): Promise<Response> => {
  const { searchParams, pathname } = new URL(request.url)
  const resend = new Resend('re_key', { baseUrl: searchParams.get('upstream') ?? '' })
  const mail = { from: 'a@example.com', to: 'b@example.com', subject: 'Hi' }
  if (pathname === '/react') {
    // What the optional package would render.
    const react = { type: 'p', props: {}, key: null }
    const sent = resend.emails.send({ ...mail, react: react as never })
    return Response.json(await sent.catch((error: Error) => ({ failed: error.message })))
  }
  return Response.json(await resend.emails.send({ ...mail, html: '<p>Hi</p>' }))
}
