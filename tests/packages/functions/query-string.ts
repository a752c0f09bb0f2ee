import queryString from 'query-string'

export default (req: Request): Response => {
  const { url, query } = queryString.parseUrl(req.url, {
    arrayFormat: 'bracket',
    parseNumbers: true,
  })
  return Response.json({
    path: new URL(url).pathname,
    query,
    again: queryString.stringify({ b: [1, 2], a: null, c: undefined }, { arrayFormat: 'comma' }),
  })
}
