/** What the sandbox costs: all layers, and without one layer at a time. */
import { rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EXECUTABLE } from '../tests/e2e/harness.ts'
import { HELLO } from './handlers.ts'
import { measureColdStart, measureIdleWorker } from './product.ts'
import { BENCH_DIR, buildProgram } from './programs.ts'
import { median } from './statistics.ts'

/** The launcher that was built with the executable under test. */
export const LAUNCHER = join(dirname(EXECUTABLE), '.build/bin/functions-launcher')
/** Idle workers whose memory is measured; the median counts. */
const WORKERS = 10

/** Flags of `functions serve` for each variant. */
const VARIANTS: Record<string, string[]> = {
  'all layers': [],
  'without namespaces': without('namespaces'),
  'without Landlock': without('landlock'),
  'without seccomp': without('seccomp'),
  'without all of these': without('all'),
  'worker.start = exec': ['--worker-start', 'exec'],
}

export interface LayerCost {
  coldP50Ms: number
  /** Private memory of an idle worker. */
  privateBytes: number
}

function without(what: string): string[] {
  const launcher = join(BENCH_DIR, `without-${what}`)
  return ['--sandbox-allow-degraded', 'true', '--worker-launcher-path', launcher]
}

/** Each round measures every variant, so that drift affects all alike; medians of all samples. */
export async function measureLayers(
  rounds: number,
  starts: number,
): Promise<Record<string, LayerCost>> {
  buildWrappers()
  const cold: Record<string, number[]> = {}
  const costs: Record<string, LayerCost> = {}
  for (let round = 0; round < rounds; round++) {
    for (const [name, flags] of Object.entries(VARIANTS)) {
      const samples = await measureColdStart(HELLO, 'quickjs-ng', starts, flags)
      cold[name] = [...(cold[name] ?? []), ...samples]
    }
  }
  for (const [name, flags] of Object.entries(VARIANTS)) {
    const { privateBytes } = await measureIdleWorker('quickjs-ng', WORKERS, flags)
    costs[name] = { coldP50Ms: median(cold[name] ?? []), privateBytes }
  }
  return costs
}

/** Builds one program under several names; the name says which layer it leaves out. */
function buildWrappers(): void {
  buildProgram('without', `-DLAUNCHER="${LAUNCHER}"`)
  for (const what of ['namespaces', 'landlock', 'seccomp', 'all']) {
    const link = join(BENCH_DIR, `without-${what}`)
    rmSync(link, { force: true })
    symlinkSync('without', link)
  }
}
