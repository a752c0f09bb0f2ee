/** A large upload to functions that read it in chunks: its speed and the growth of each process. */
import { connect } from 'node:net'
import { Workspace } from '../tests/e2e/harness.ts'
import { residentBytes } from './memory.ts'

const COUNT = `export default async (req: Request) => {
  let bytes = 0
  for await (const chunk of req.body!) bytes += chunk.length
  return new Response(String(bytes))
}`
const TRANSFORM = `export default async (req: Request) => {
  let bytes = 0
  const invert = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const copy = chunk.slice()
      copy[0] = ~copy[0]!
      controller.enqueue(copy)
    },
  })
  for await (const chunk of req.body!.pipeThrough(invert)) bytes += chunk.length
  return new Response(String(bytes))
}`
const SAMPLE_MS = 5

export interface Upload {
  bytes: number
  seconds: number
  workerGrowthBytes: number
  controlGrowthBytes: number
}

/** Uploads `bytes` to a function that counts them, and to one that transforms and counts them. */
export async function measureUploads(bytes: number): Promise<{ count: Upload; transform: Upload }> {
  const space = new Workspace()
  try {
    await space.deploy('count', COUNT)
    await space.deploy('transform', TRANSFORM)
    const service = await space.serve('--max-body', `${bytes}`)
    try {
      const measure = async (name: string): Promise<Upload> => {
        await send(service.port, name, 2 ** 20)
        const worker = (await service.workers()).find((row) => row.function === name)
        return await watch([worker?.pid as number, service.process.pid], bytes, () =>
          send(service.port, name, bytes),
        )
      }
      return { count: await measure('count'), transform: await measure('transform') }
    } finally {
      await service.stop()
    }
  } finally {
    space.remove()
  }
}

/** Runs `act` and returns the peak growth of the worker and the control plane meanwhile. */
async function watch(pids: [number, number], bytes: number, act: () => Promise<void>) {
  const before = pids.map(residentBytes)
  const peak = [...before]
  const timer = setInterval(() => {
    for (const [i, pid] of pids.entries()) {
      peak[i] = Math.max(peak[i] as number, residentBytes(pid))
    }
  }, SAMPLE_MS)
  const start = performance.now()
  try {
    await act()
  } finally {
    clearInterval(timer)
  }
  const grown = (i: number) => (peak[i] as number) - (before[i] as number)
  const seconds = (performance.now() - start) / 1000
  return { bytes, seconds, workerGrowthBytes: grown(0), controlGrowthBytes: grown(1) }
}

/** Posts `bytes` zeros; resolves when the function has counted all of them. */
function send(port: number, name: string, bytes: number): Promise<void> {
  const part = new Uint8Array(256 * 1024)
  return new Promise((resolve, reject) => {
    let left = bytes
    let answer = ''
    const socket = connect({ host: '127.0.0.1', port }, () => {
      const head = `POST /functions/${name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n`
      socket.write(`${head}Content-Length: ${bytes}\r\n\r\n`)
      pump()
    })
    const pump = () => {
      while (left > 0) {
        const next = left < part.length ? part.subarray(0, left) : part
        left -= next.length
        if (!socket.write(next)) return
      }
    }
    socket.on('drain', pump)
    socket.on('data', (data) => {
      answer += data.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => {
      if (answer.endsWith(`\r\n\r\n${bytes}`)) resolve()
      else reject(new Error(`${name} answered ${answer.slice(0, 300)}`))
    })
  })
}
