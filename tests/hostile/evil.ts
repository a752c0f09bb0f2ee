/** Starts the evil worker through the product's own launcher and says what became of its attempt. */
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import type { WorkerLauncherOptions } from '../../src/worker/launcher.ts'
import type { Runtime } from '../../src/worker/worker.ts'
import { type Bench, begin, makeSpec, openLauncher, type Started } from '../conformance/harness.ts'

const BUILT = join(import.meta.dir, '../../.build/test')
export const EVIL_WORKER = join(BUILT, 'evil-worker')
export const INJECT = join(BUILT, 'inject')

/** How long an attempt may take before it counts as one that came to nothing. */
const ATTEMPT_MS = 20_000

const errnoNames = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]))

/** A kind of sandbox that the evil worker stands in. */
export interface Stand {
  bench: Bench
  runtime: Runtime
  capabilities: Partial<Capabilities>
}

export function stand(
  runtime: Runtime,
  capabilities: Partial<Capabilities>,
  overrides: Partial<WorkerLauncherOptions> = {},
): Stand {
  const bench = openLauncher({
    workerPath: EVIL_WORKER,
    executablePath: EVIL_WORKER,
    log: () => {},
    ...overrides,
  })
  return { bench, runtime, capabilities }
}

export function attack({ bench, runtime, capabilities }: Stand, attempt: string): Started {
  return begin(bench.launcher, makeSpec(runtime, attempt, { capabilities }))
}

/**
 * `killed` by seccomp, `refused ERRNO`, `done N`, or the error that the worker ended with.
 */
export async function outcome(at: Stand, attempt: string): Promise<string> {
  const started = attack(at, attempt)
  const end = performance.now() + ATTEMPT_MS
  let ended: string | undefined
  void started.exit.then((error) => {
    const cause = (error?.cause ?? error) as typeof error
    ended = cause?.code === 'SANDBOX_VIOLATION' ? 'killed' : (cause?.code ?? 'gone')
    if (ended === 'WORKER_CRASHED') ended += `: ${cause?.message}`
  })
  while (started.logs.length === 0 && ended === undefined && performance.now() < end) {
    await Bun.sleep(2)
  }
  // What it said before it died counts, and so does that it died without a word.
  const said = started.logs[0]?.message
  started.worker.kill(new Error('enough') as never)
  if (said === undefined) return ended ?? 'nothing'
  const refused = /^refused (\d+)$/.exec(said)?.[1]
  return refused === undefined ? said : `refused ${errnoNames.get(Number(refused)) ?? refused}`
}
