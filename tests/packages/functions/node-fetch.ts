import fetch, { Response as Answer, FormData, Headers, Request as Wanted } from 'node-fetch'

export default async (): Promise<Response> => {
  const form = new FormData()
  form.append('a', 'b')
  const request = new Wanted('https://example.test/x?y=1', { method: 'POST', body: form })
  const answer = new Answer('{"ok":true}', { status: 201, headers: { 'x-a': '1' } })
  const data = await fetch('data:text/plain,hello')
  return Response.json({
    method: request.method,
    url: request.url,
    type: request.headers.get('content-type')?.split(';')[0],
    body: (await request.text()).includes('name="a"'),
    headers: [...new Headers({ B: '2', a: '1' })],
    answer: [answer.status, answer.ok, await answer.json(), answer.headers.get('x-a')],
    data: await data.text(),
  })
}
