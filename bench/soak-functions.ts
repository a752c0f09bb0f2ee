/** The functions of the soak: each is one kind of work, or of misbehaviour. */
import type { Workspace } from '../tests/e2e/harness.ts'
import { HELLO } from './handlers.ts'

const MB = 2 ** 20
export const BIG_BYTES = 2 * MB

const STREAM = `export default () => {
  let left = 10
  const pull = async (controller) => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    controller.enqueue(new Uint8Array(2000).fill(97))
    if (--left === 0) controller.close()
  }
  return new Response(new ReadableStream({ pull }))
}`
const COUNT = `export default async (req: Request) => {
  let bytes = 0
  for await (const chunk of req.body!) bytes += chunk.length
  return new Response(String(bytes))
}`
const OUTBOUND = `export default async (req: Request) =>
  new Response(await (await fetch(new URL(req.url).searchParams.get('to')!)).text())`
const LATER = `export default (req, ctx) => {
  ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 20)))
  console.log('a line of the log')
  return new Response('now')
}`
const EVENTS = `export default () => {
  let n = 0
  const pull = async (controller) => {
    await new Promise((resolve) => setTimeout(resolve, 250))
    controller.enqueue('data: ' + n++ + '\\n\\n')
    if (n === 60) controller.close()
  }
  const body = new ReadableStream({ pull }).pipeThrough(new TextEncoderStream())
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}`
const BIG = `const bytes = new Uint8Array(${BIG_BYTES}); export default () => new Response(bytes)`
const SPIN = 'export default () => { for (;;); }'
const HOARD =
  'const kept = []; export default () => { for (;;) kept.push(new Array(1000).fill(1)) }'
const EXIT = 'export default () => { process.exit(3) }'

export const bun = ['--runtime', 'bun', '--profile', 'permissive', '--max-workers', '2']
export const quickjs = ['--runtime', 'quickjs-ng', '--max-workers', '4']

/** Source of the function that is deployed again and again. */
export const changing = (version: number) => `export default () => new Response('${version}')\n`

export async function deployAll(space: Workspace): Promise<void> {
  const network = space.source('network.json', JSON.stringify({ allowNetwork: true }))
  await HELLO.deploy(space, ...quickjs)
  await space.deploy('hello-bun', HELLO_BUN, ...bun)
  await space.deploy('stream', STREAM, ...quickjs)
  await space.deploy('count', COUNT, ...quickjs)
  await space.deploy('out', OUTBOUND, ...quickjs, '--profile', network)
  await space.deploy('later', LATER, ...quickjs)
  await space.deploy('events', EVENTS, ...quickjs)
  await space.deploy('events-bun', EVENTS, ...bun)
  await space.deploy('big', BIG, ...quickjs)
  await space.deploy('spin', SPIN, ...quickjs, '--cpu', '50ms')
  await space.deploy('hoard', HOARD, ...quickjs, '--memory', '16MB')
  await space.deploy('exit', EXIT, ...bun)
  await space.deploy('changing', changing(0), ...quickjs)
}

const HELLO_BUN = `export default (req: Request) => new Response('hello from ' + new URL(req.url).pathname)`

export interface Job {
  name: string
  /** Requests out of every hundred. */
  share: number
  path: string
  body?: string
}

/** The steady load. `upstream` is the URL of the server that outbound requests go to. */
export function jobs(upstream: string): Job[] {
  const to = encodeURIComponent(upstream)
  return [
    { name: 'hello', share: 70, path: '/functions/hello?name=soak' },
    { name: 'hello-bun', share: 8, path: '/functions/hello-bun' },
    { name: 'out', share: 8, path: `/functions/out?to=${to}` },
    { name: 'later', share: 8, path: '/functions/later' },
    { name: 'stream', share: 3, path: '/functions/stream' },
    { name: 'count', share: 3, path: '/functions/count', body: 'x'.repeat(100_000) },
  ]
}
