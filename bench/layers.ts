/** What the sandbox costs, layer by layer: the product with all of it, and without one layer at a time. */
import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { measureColdStart, measureIdleWorker } from './product.ts'
import { BENCH_DIR, buildProgram } from './programs.ts'
import { median } from './statistics.ts'

const LAUNCHER = join(import.meta.dir, '../.build/bin/functions-launcher')
const WORKERS = 10

/** How the service is started: the flags of `serve`. */
const VARIANTS: Record<string, string[]> = {
  'all layers': [],
  'without namespaces': without('namespaces'),
  'without Landlock': without('landlock'),
  'without seccomp': without('seccomp'),
  'without all of these': without('all'),
  'each worker started, not forked': ['--worker-start', 'exec'],
}

export interface LayerCost {
  /** ms */
  coldP50: number
  /** Private memory of an idle worker. */
  bytes: number
}

function without(what: string): string[] {
  const launcher = join(BENCH_DIR, `without-${what}`)
  return ['--sandbox-allow-degraded', 'true', '--worker-launcher-path', launcher]
}

/** Variant by variant in each of `rounds`, so that drift hits all alike; medians of all samples. */
export async function measureLayers(
  rounds: number,
  starts: number,
): Promise<Record<string, LayerCost>> {
  buildWrappers()
  const cold: Record<string, number[]> = {}
  const costs: Record<string, LayerCost> = {}
  for (let round = 0; round < rounds; round++) {
    for (const [name, flags] of Object.entries(VARIANTS)) {
      const samples = await measureColdStart('quickjs-ng', starts, flags)
      cold[name] = [...(cold[name] ?? []), ...samples]
    }
  }
  for (const [name, flags] of Object.entries(VARIANTS)) {
    const { privateBytes } = await measureIdleWorker('quickjs-ng', WORKERS, flags)
    costs[name] = { coldP50: median(cold[name] ?? []), bytes: privateBytes }
  }
  return costs
}

/** One program under several names, each of which tells it what to leave out. */
function buildWrappers(): void {
  buildProgram('without', `-DLAUNCHER="${LAUNCHER}"`)
  for (const what of ['namespaces', 'landlock', 'seccomp', 'all']) {
    const link = join(BENCH_DIR, `without-${what}`)
    rmSync(link, { force: true })
    symlinkSync('without', link)
  }
}
