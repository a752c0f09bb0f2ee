import * as cookie from 'cookie'

export default (req: Request): Response => {
  const parsed = cookie.parseCookie(req.headers.get('cookie') ?? '')
  return Response.json({
    ...parsed,
    made: cookie.stringifySetCookie({ name: 'a', value: 'b c', httpOnly: true }),
  })
}
