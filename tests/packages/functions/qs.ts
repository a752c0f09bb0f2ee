import qs from 'qs'

export default (req: Request): Response => {
  const parsed = qs.parse(new URL(req.url).search, { ignoreQueryPrefix: true })
  return Response.json({ parsed, again: qs.stringify(parsed, { encodeValuesOnly: true }) })
}
