import { Counter, Histogram, Registry } from 'prom-client'

const register = new Registry()
const requests = new Counter({
  name: 'requests_total',
  help: 'Requests.',
  labelNames: ['path'],
  registers: [register],
})
const seconds = new Histogram({
  name: 'seconds',
  help: 'Time.',
  buckets: [0.1, 1],
  registers: [register],
})

export default async (req: Request): Promise<Response> => {
  requests.inc({ path: new URL(req.url).pathname })
  seconds.observe(0.5)
  return new Response(await register.metrics(), {
    headers: { 'content-type': register.contentType },
  })
}
