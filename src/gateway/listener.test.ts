/** The socket below a server of Bun: stop accepting, and take over the socket of another process. */
import { afterEach, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { eventually } from '../testing/eventually.ts'
import { Listener } from './listener.ts'

const MODULE = resolve(import.meta.dir, 'listener.ts')
/** Takes over the socket on its descriptor 3, and answers with its name until its standard input ends. */
const TAKES_OVER = `
import { Listener } from ${JSON.stringify(MODULE)}
const server = Bun.serve({ hostname: '127.0.0.1', port: 0, reusePort: false, fetch: () => new Response('second') })
const listener = new Listener(server.port)
listener.replace(3)
console.log(listener.port)
await Bun.stdin.text()
process.exit(0)
`

const cleanup: (() => unknown)[] = []
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step()
})

function serve(answer: string) {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    fetch: () => new Response(answer),
  })
  cleanup.push(() => server.stop(true))
  return { server, listener: new Listener(server.port ?? 0) }
}

/** One request on its own connection. */
async function ask(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
  return await response.text()
}

function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  cleanup.push(() => socket.destroy())
  return new Promise((done, failed) =>
    socket.once('connect', () => done(socket)).once('error', failed),
  )
}

test('a paused listener leaves connections in the queue and serves them later', async () => {
  const { server, listener } = serve('first')
  const port = server.port as number
  expect(await ask(port)).toBe('first')
  await eventually('no connection is open', () => listener.connections() === 0)
  listener.pause()
  listener.pause()
  let answered = 0
  const asked = Promise.all(Array.from({ length: 20 }, () => ask(port).then(() => answered++)))
  await (await open(port)).write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  expect(listener.connections()).toBe(0)
  expect(answered).toBe(0)
  listener.resume()
  await asked
  expect(answered).toBe(20)
  // The one that stays open.
  await eventually('it is counted', () => listener.connections() === 1)
})

test('a second process takes over the socket, and no connection is lost when the first closes it', async () => {
  const { server, listener } = serve('first')
  const port = server.port as number
  const kept = await open(port)
  let text = ''
  kept.on('data', (bytes) => {
    text += bytes
  })
  kept.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually('the first process has accepted it', () => text.endsWith('first'))
  text = ''
  const second = Bun.spawn([process.execPath, '-e', TAKES_OVER], {
    stdio: ['pipe', 'pipe', 'inherit', listener.fd],
  })
  cleanup.push(() => {
    second.stdin.end()
    return second.exited
  })
  const reader = second.stdout.getReader()
  const { value } = await reader.read()
  expect(new TextDecoder().decode(value)).toBe(`${port}\n`)
  listener.pause()
  for (let i = 0; i < 20; i++) expect(await ask(port)).toBe('second')
  // The first process still serves its own connections.
  kept.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually('the first answers', () => text.endsWith('first'))
  const many = Promise.all(Array.from({ length: 200 }, () => ask(port)))
  server.stop(true)
  expect(new Set(await many)).toEqual(new Set(['second']))
  expect(await ask(port)).toBe('second')
})

test('what is not a listening socket is refused', async () => {
  const { server, listener } = serve('first')
  const socket = await open(server.port as number)
  expect(() => listener.replace(0)).toThrow('not a listening socket')
  socket.end()
  expect(() => new Listener(1)).toThrow('no descriptor listens on port 1')
  expect(await ask(server.port as number)).toBe('first')
})
