/** The parts of the bench. Each measures a group of figures, and can be run without the others. */
import { openConnection } from './client.ts'
import { buildEmptyProgram, measureFloor } from './floor.ts'
import { bundleOf, type Handler, HELLO, ORDERS } from './handlers.ts'
import { measureLayers } from './layers.ts'
import { measureNeighbours } from './neighbour.ts'
import { type Peer, startBun, startDeno, startWorkerd, startWorkerdLoader } from './peers.ts'
import {
  measureColdStart,
  measureControlPlane,
  measureCrowd,
  measureIdleWorker,
  measureLatency,
  measureProjects,
  timeColdRequests,
  type WorkerMemory,
  withService,
} from './product.ts'
import { median, quantile } from './statistics.ts'
import { measureUploads, type Upload } from './streaming.ts'
import { measureThroughput } from './throughput.ts'

/** Figures by name. The end of a name is its unit: Ms, Bytes, PerSecond; a Ratio has none. */
export type Figures = Record<string, number>

export interface Options {
  /** Few samples: shows that the bench works, not how fast the product is. */
  quick: boolean
  /** Also measure the peers. */
  peers: boolean
}

/** How much one run measures. */
function sizeOf(quick: boolean) {
  return quick
    ? {
        cold: 20,
        coldBun: 3,
        floor: 50,
        latency: 500,
        seconds: 1,
        crowd: 100,
        starts: 1,
        uploadBytes: 64 * 2 ** 20,
        layerStarts: 10,
        neighbourRequests: 200,
      }
    : {
        cold: 200,
        coldBun: 20,
        floor: 200,
        latency: 5000,
        seconds: 4,
        crowd: 1000,
        starts: 5,
        uploadBytes: 2 ** 30,
        layerStarts: 100,
        neighbourRequests: 1000,
      }
}

const RUNTIMES = { quickjs: 'quickjs-ng', bun: 'bun' } as const
/** Functions that are deployed when the start of the control plane is measured. */
const DEPLOYED_FUNCTIONS = 1000
/** Projects with one function each. */
const PROJECTS = 10_000

const p99 = (samples: number[]) => quantile(samples, 0.99)

export const PARTS: Record<string, (options: Options) => Promise<Figures>> = {
  /** The floor is measured before and after, so that it drifts like the rest. */
  'cold-start': async ({ quick, peers }) => {
    const size = sizeOf(quick)
    const empty = buildEmptyProgram()
    const floor = await measureFloor(empty, size.floor)
    const figures: Figures = {}
    for (const handler of [HELLO, ORDERS]) {
      const note = (runtime: string, samples: number[]) => {
        figures[`cold.${handler.name}.${runtime}.p50Ms`] = median(samples)
        figures[`cold.${handler.name}.${runtime}.p99Ms`] = p99(samples)
      }
      note('quickjs', await measureColdStart(handler, 'quickjs-ng', size.cold))
      note('bun', await measureColdStart(handler, 'bun', size.coldBun))
      if (peers) {
        note('workerd', await measureDynamicIsolate(handler, size.cold))
      }
    }
    floor.push(...(await measureFloor(empty, size.floor)))
    return { 'cold.floor.p50Ms': median(floor), 'cold.floor.p99Ms': p99(floor), ...figures }
  },

  latency: async ({ quick, peers }) => {
    const { latency } = sizeOf(quick)
    const figures: Figures = {}
    const note = (name: string, samples: number[]) => {
      figures[`latency.${name}.p50Ms`] = median(samples)
    }
    if (peers) {
      const measure = (peer: Peer) => measureLatency(peer.port, '/', latency)
      note('bunServe', await withPeer(startBun(), measure))
    }
    for (const [name, runtime] of Object.entries(RUNTIMES)) {
      await withService(runtime, 0, async (service) => {
        note(name, await measureLatency(service.port, '/functions/hello', latency))
      })
    }
    return figures
  },

  throughput: async ({ quick, peers }) => {
    const { seconds } = sizeOf(quick)
    const figures: Figures = {}
    const contestants = peers
      ? { bunServe: startBun, denoServe: startDeno, workerd: startWorkerd }
      : {}
    for (const [name, start] of Object.entries(contestants)) {
      const measure = (peer: Peer) => measureThroughput(peer.port, '/', seconds)
      figures[`throughput.${name}.requestsPerSecond`] = await withPeer(start(), measure)
    }
    for (const [name, runtime] of Object.entries(RUNTIMES)) {
      await withService(runtime, 0, async (service) => {
        await service.fetch('/functions/hello')
        const rate = await measureThroughput(service.port, '/functions/hello', seconds)
        figures[`throughput.${name}.requestsPerSecond`] = rate
      })
    }
    return figures
  },

  memory: async ({ quick }) => {
    const { crowd } = sizeOf(quick)
    const figures: Figures = {}
    const note = (name: string, memory: WorkerMemory) => {
      figures[`memory.${name}.privateBytes`] = memory.privateBytes
      figures[`memory.${name}.proportionalBytes`] = memory.proportionalBytes
    }
    note('quickjs', await measureIdleWorker('quickjs-ng', 10))
    note('bun', await measureIdleWorker('bun', 2))
    const hundred = await measureCrowd(100, p99)
    const many = crowd === 100 ? hundred : await measureCrowd(crowd, p99)
    return {
      ...figures,
      'memory.hundredWorkers.totalBytes': hundred.bytes,
      'memory.thousandWorkers.totalBytes': many.bytes * (1000 / many.workers),
      'memory.thousandWorkers.p99Ms': many.warmP99Ms,
    }
  },

  'control-plane': async ({ quick }) => {
    const { starts } = sizeOf(quick)
    const control = await measureControlPlane(DEPLOYED_FUNCTIONS, starts)
    const projects = await measureProjects(quick ? 100 : PROJECTS, starts)
    return {
      'controlPlane.projects.readyMs': projects.readyMs,
      'controlPlane.projects.residentBytes': projects.residentBytes,
      'controlPlane.readyMs': control.readyMs,
      'controlPlane.residentBytes': control.residentBytes,
    }
  },

  uploads: async ({ quick }) => {
    const { count, transform } = await measureUploads(sizeOf(quick).uploadBytes)
    const figuresOf = (name: string, upload: Upload) => ({
      [`uploads.${name}.workerGrowthBytes`]: upload.workerGrowthBytes,
      [`uploads.${name}.controlPlaneGrowthBytes`]: upload.controlGrowthBytes,
      [`uploads.${name}.bytesPerSecond`]: upload.bytes / upload.seconds,
    })
    return { ...figuresOf('count', count), ...figuresOf('transform', transform) }
  },

  layers: async ({ quick }) => {
    const figures: Figures = {}
    for (const [name, cost] of Object.entries(await measureLayers(1, sizeOf(quick).layerStarts))) {
      figures[`layers.${name}.p50Ms`] = cost.coldP50Ms
      figures[`layers.${name}.privateBytes`] = cost.privateBytes
    }
    return figures
  },

  neighbours: async ({ quick }) => {
    const { quietP99Ms, attacks } = await measureNeighbours(1, sizeOf(quick).neighbourRequests)
    const figures: Figures = { 'neighbours.quiet.p99Ms': quietP99Ms }
    for (const { name, p99Ms, ratio } of attacks) {
      figures[`neighbours.${name}.p99Ms`] = p99Ms
      figures[`neighbours.${name}.quietRatio`] = ratio
    }
    return figures
  },
}

/** Cold requests to workerd, which loads an isolate with the same bundle for each. */
async function measureDynamicIsolate(handler: Handler, count: number): Promise<number[]> {
  const bundle = handler === HELLO ? undefined : await bundleOf(handler)
  return await withPeer(startWorkerdLoader(bundle), async (peer) => {
    const connection = await openConnection(peer.port)
    const samples = await timeColdRequests(connection, handler, count, '/warm', '')
    connection.close()
    return samples
  })
}

async function withPeer<T>(starting: Promise<Peer>, act: (peer: Peer) => Promise<T>): Promise<T> {
  const peer = await starting
  try {
    return await act(peer)
  } finally {
    await peer.stop()
  }
}
