/** The measurements of the product itself, each on a new data directory. */
import { eventually } from '../src/testing/eventually.ts'
import { descendants, type Service, type WorkerRow, Workspace } from '../tests/e2e/harness.ts'
import { type Connection, openConnection, warmUp } from './client.ts'
import { type Handler, HELLO } from './handlers.ts'
import { processMemory, residentBytes, totalMemory } from './memory.ts'
import { median, timeEach } from './statistics.ts'

export type Runtime = 'quickjs-ng' | 'bun'

const flagsOf = (runtime: Runtime) =>
  runtime === 'bun' ? ['--runtime', 'bun', '--profile', 'permissive'] : []

/** Serves `handler` and `copies` further functions of the same bundle while `act` runs. */
export async function withService<T>(
  runtime: Runtime,
  copies: number,
  act: (service: Service) => Promise<T>,
  serveFlags: readonly string[] = [],
  handler: Handler = HELLO,
): Promise<T> {
  const space = new Workspace()
  try {
    await handler.deploy(space, ...flagsOf(runtime))
    space.cloneFunction(handler.name, coldNames(copies))
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

/** Warms up at `warm`, then times one request at each of `count` paths below `root`. */
export async function timeColdRequests(
  connection: Connection,
  { path, body, check }: Handler,
  count: number,
  warm: string,
  root: string,
): Promise<number[]> {
  await warmUp(connection, `${warm}${path}`, body)
  const answers: string[] = []
  const samples = await timeEach(count, async (i) => {
    answers.push(await connection.send(`${root}/cold-${i}${path}`, body))
  })
  answers.forEach(check)
  return samples
}

const coldNames = (count: number) => Array.from({ length: count }, (_, i) => `cold-${i}`)

/**
 * Times the first request to each of `count` functions that have no live worker, in ms.
 *
 * @throws {Error} when a response is not the one that the handler gives
 */
export function measureColdStart(
  handler: Handler,
  runtime: Runtime,
  count: number,
  serveFlags: readonly string[] = [],
): Promise<number[]> {
  const measure = async (service: Service) => {
    const connection = await openConnection(service.port)
    const samples = await timeColdRequests(
      connection,
      handler,
      count,
      `/functions/${handler.name}`,
      '/functions',
    )
    connection.close()
    return samples
  }
  return withService(runtime, count, measure, serveFlags, handler)
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
    let rows: WorkerRow[] = []
    await eventually('the pid of each worker, known a moment after its first answer', async () => {
      rows = (await service.workers()).filter((row) => row.function.startsWith('cold-'))
      return rows.every(({ pid }) => pid !== null)
    })
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
  /** All descendants of the control plane: launcher, template, workers. */
  bytes: number
  warmP99Ms: number
}

/** Memory of `count` live workers together, and the latency of warm requests among them. */
export function measureCrowd(count: number, p99: (samples: number[]) => number) {
  return withService('quickjs-ng', count, async (service): Promise<CrowdMemory> => {
    await callAll(service, count)
    const below = descendants(service.process.pid)
    const connection = await openConnection(service.port)
    const samples = await timeEach(count, (i) => connection.send(`/functions/cold-${i}`))
    connection.close()
    const workers = (await service.workers()).length
    return { workers, bytes: totalMemory(below), warmP99Ms: p99(samples) }
  })
}

async function callAll(service: Service, count: number): Promise<void> {
  const connection = await openConnection(service.port)
  for (let i = 0; i < count; i++) {
    await connection.send(`/functions/cold-${i}`)
  }
  connection.close()
}

export interface ControlPlane {
  readyMs: number
  residentBytes: number
}

/** Starts the control plane with `functions` deployed functions; medians of `runs` starts. */
export function measureControlPlane(functions: number, runs: number): Promise<ControlPlane> {
  return measureStarts(runs, (space) => space.cloneFunction('hello', coldNames(functions)))
}

/** The same with projects that have one function each. */
export function measureProjects(projects: number, runs: number): Promise<ControlPlane> {
  return measureStarts(runs, (space) => space.cloneIntoProjects('hello', coldNames(projects)))
}

async function measureStarts(
  runs: number,
  fill: (space: Workspace) => void,
): Promise<ControlPlane> {
  const space = new Workspace()
  try {
    await HELLO.deploy(space)
    fill(space)
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
    await connection.send(path)
  }
  const samples = await timeEach(count, () => connection.send(path))
  connection.close()
  return samples
}
