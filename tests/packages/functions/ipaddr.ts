import ipaddr from 'ipaddr.js'

export default (req: Request): Response => {
  const address = ipaddr.process(new URL(req.url).searchParams.get('ip') ?? '')
  return Response.json({
    kind: address.kind(),
    range: address.range(),
    text: address.toString(),
    inside: address.kind() === 'ipv4' && address.match(ipaddr.parseCIDR('10.0.0.0/8') as never),
  })
}
