import Mustache from 'mustache'

const TEMPLATE =
  '{{#people}}<li>{{name}}{{^admin}} (guest){{/admin}} {{{raw}}}</li>{{/people}}{{> foot}}'

export default async (req: Request): Promise<Response> =>
  new Response(Mustache.render(TEMPLATE, await req.json(), { foot: '<p>{{count}}</p>' }))
