/** The examples that stream and fetch, run as their own comments say. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { httpUpstream, type Upstream } from '../egress/upstream.ts'
import { ROOT, type Service, Workspace } from './harness.ts'

const space = new Workspace()
let service: Service
let upstream: Upstream
let served = 0

async function deployExample(name: string, ...flags: string[]): Promise<void> {
  const result = await space.command('deploy', name, join(ROOT, `examples/${name}.ts`), ...flags)
  if (result.exitCode !== 0) throw new Error(result.stderr)
}

beforeAll(async () => {
  upstream = await httpUpstream((request, response) => {
    served++
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      response.writeHead(request.url === '/moved' ? 302 : 200, {
        'content-type': 'text/x-own',
        'x-seen': String(request.headers['x-own'] ?? ''),
        ...(request.url === '/moved' && { location: '/elsewhere' }),
      })
      response.end(`${request.method} ${Buffer.concat(parts)}`)
    })
  })
  await deployExample('streaming-proxy', '--profile', 'permissive')
  await deployExample('upstream-cache', '--profile', 'permissive')
  await deployExample('sse-clock')
  service = await space.serve('--egress-allow-private', upstream.address)
})

afterAll(async () => {
  await service.stop()
  upstream.close()
  space.remove()
})

const of = (name: string, path: string) =>
  `/functions/${name}?url=${encodeURIComponent(`http://${upstream.address}${path}`)}`

describe('streaming-proxy', () => {
  test('passes method, headers, body and answer', async () => {
    const response = await service.fetch(of('streaming-proxy', '/'), {
      method: 'PUT',
      headers: { 'x-own': 'v' },
      body: 'content',
    })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/x-own')
    expect(response.headers.get('x-seen')).toBe('v')
    expect(await response.text()).toBe('PUT content')
  })

  test('passes a redirect on', async () => {
    const response = await service.fetch(of('streaming-proxy', '/moved'), { redirect: 'manual' })
    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toBe('/elsewhere')
  })

  test('says what is refused', async () => {
    const response = await service.fetch('/functions/streaming-proxy?url=http://169.254.169.254/')
    expect(response.status).toBe(502)
    expect(await response.text()).toContain('link-local')
  })
})

test('upstream-cache asks once', async () => {
  served = 0
  const first = await service.fetch(of('upstream-cache', '/data'))
  expect(first.headers.get('x-cache')).toBe('miss')
  const second = await service.fetch(of('upstream-cache', '/data'))
  expect(second.headers.get('x-cache')).toBe('hit')
  expect(await second.text()).toBe('GET ')
  expect(second.headers.get('content-type')).toBe('text/x-own')
  expect(served).toBe(1)
})

test('sse-clock ticks until its listener goes', async () => {
  const controller = new AbortController()
  const { body, headers } = await service.fetch('/functions/sse-clock?every=20', {
    signal: controller.signal,
  })
  expect(headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    text += new TextDecoder().decode(chunk)
    if (text.includes('id: 3\n')) break
  }
  controller.abort()
  expect(text).toStartWith('id: 1\nevent: tick\ndata: {"time":"')
  await eventually('a worker is there and idle', async () => {
    const [worker] = (await service.workers()).filter((one) => one.function === 'sse-clock')
    const metrics = await service.metrics()
    return worker !== undefined && metrics.includes('functions_in_flight 0')
  })
})
