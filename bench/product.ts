/** The measurements of the product itself, each on a data directory of its own. */
import { descendants, type Service, Workspace } from '../tests/e2e/harness.ts'
import { openConnection, warmUp } from './client.ts'
import { processMemory, residentBytes, totalMemory } from './memory.ts'
import { HELLO_FUNCTION } from './peers.ts'
import { median, timeEach } from './statistics.ts'

export type Runtime = 'quickjs-ng' | 'bun'

const flagsOf = (runtime: Runtime) =>
  runtime === 'bun' ? ['--runtime', 'bun', '--profile', 'permissive'] : []

/** Serves `hello` and `copies` further functions of the same bundle while `act` runs. */
export async function withService<T>(
  runtime: Runtime,
  copies: number,
  act: (service: Service) => Promise<T>,
  serveFlags: readonly string[] = [],
): Promise<T> {
  const space = new Workspace()
  try {
    await space.deploy('hello', HELLO_FUNCTION, ...flagsOf(runtime))
    space.cloneFunction('hello', coldNames(copies))
    const service = await space.serve(...serveFlags)
    try {
      return await act(service)
    } finally {
      await service.stop()
    }
  } finally {
    space.remove()
  }
}

const coldNames = (count: number) => Array.from({ length: count }, (_, i) => `cold-${i}`)

/** ms of the first request to each of `count` functions, no worker alive for it. */
export function measureColdStart(
  runtime: Runtime,
  count: number,
  serveFlags: readonly string[] = [],
): Promise<number[]> {
  const measure = async (service: Service) => {
    const connection = await openConnection(service.port)
    await warmUp(connection, '/functions/hello')
    const samples = await timeEach(count, (i) => connection.get(`/functions/cold-${i}`))
    connection.close()
    return samples
  }
  return withService(runtime, count, measure, serveFlags)
}

export interface WorkerMemory {
  privateBytes: number
  proportionalBytes: number
}

/** Memory of one idle worker after one request: the median over `count` workers. */
export function measureIdleWorker(
  runtime: Runtime,
  count: number,
  serveFlags: readonly string[] = [],
): Promise<WorkerMemory> {
  const measure = async (service: Service) => {
    await callAll(service, count)
    const rows = (await service.workers()).filter((row) => row.function.startsWith('cold-'))
    const memories = rows.map((row) => processMemory(row.pid))
    return {
      privateBytes: median(memories.map((memory) => memory.privateBytes)),
      proportionalBytes: median(memories.map((memory) => memory.proportionalBytes)),
    }
  }
  return withService(runtime, count, measure, serveFlags)
}

export interface CrowdMemory {
  workers: number
  /** All processes below the control plane: launcher, template, workers. */
  bytes: number
  warmP99Ms: number
}

/** Memory of `count` live workers together, and the latency of warm requests among them. */
export function measureCrowd(count: number, p99: (samples: number[]) => number) {
  return withService('quickjs-ng', count, async (service): Promise<CrowdMemory> => {
    await callAll(service, count)
    const below = descendants(service.process.pid)
    const connection = await openConnection(service.port)
    const samples = await timeEach(count, (i) => connection.get(`/functions/cold-${i}`))
    connection.close()
    const workers = (await service.workers()).length
    return { workers, bytes: totalMemory(below), warmP99Ms: p99(samples) }
  })
}

async function callAll(service: Service, count: number): Promise<void> {
  const connection = await openConnection(service.port)
  for (let i = 0; i < count; i++) {
    await connection.get(`/functions/cold-${i}`)
  }
  connection.close()
}

export interface ControlPlane {
  readyMs: number
  residentBytes: number
}

/** The control plane's start with 1,000 functions deployed: the median over `runs`. */
export async function measureControlPlane(functions: number, runs: number): Promise<ControlPlane> {
  const space = new Workspace()
  try {
    await space.deploy('hello', HELLO_FUNCTION)
    space.cloneFunction('hello', coldNames(functions))
    const ready: number[] = []
    const resident: number[] = []
    for (let run = 0; run < runs; run++) {
      const start = performance.now()
      const service = await space.serve()
      ready.push(performance.now() - start)
      resident.push(residentBytes(service.process.pid))
      await service.stop()
    }
    return { readyMs: median(ready), residentBytes: median(resident) }
  } finally {
    space.remove()
  }
}

/** Latency of one warm client at `path`, in ms a request. */
export async function measureLatency(port: number, path: string, count: number) {
  const connection = await openConnection(port)
  for (let i = 0; i < count / 4; i++) {
    await connection.get(path)
  }
  const samples = await timeEach(count, () => connection.get(path))
  connection.close()
  return samples
}
