import { Liquid } from 'liquidjs'

const engine = new Liquid()
engine.registerFilter('shout', (text: string) => `${text.toUpperCase()}!`)

export default async (req: Request): Promise<Response> => {
  const template =
    '{% for p in products %}{{ forloop.index }}. {{ p.name | shout }} {{ p.price | times: 2 }}{% unless forloop.last %}, {% endunless %}{% endfor %}'
  return new Response(await engine.parseAndRender(template, (await req.json()) as object))
}
