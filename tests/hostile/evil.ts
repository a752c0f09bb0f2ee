/** Starts the evil worker through the real launcher and returns the outcome of its attempt. */

import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Runtime } from '../../src/capabilities/runtime.ts'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import type { WorkerFactoryOptions } from '../../src/worker/worker-factory.ts'
import {
  begin,
  type FactoryFixture,
  makeSpec,
  openFactory,
  type Started,
} from '../conformance/harness.ts'

const BIN = join(import.meta.dir, '../../.build/bin')
const BUILT = join(import.meta.dir, '../../.build/test')
export const EVIL_WORKER = join(BUILT, 'evil-worker')
export const INJECT = join(BUILT, 'inject')

/** Time that an attempt may take before it counts as `nothing`, ms. */
const ATTEMPT_MS = 20_000

const errnoNames = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]))

/** A kind of sandbox, with the evil worker in it. */
export interface Stand {
  fixture: FactoryFixture
  runtime: Runtime
  capabilities: Partial<Capabilities>
}

export function stand(
  runtime: Runtime,
  capabilities: Partial<Capabilities>,
  overrides: Partial<WorkerFactoryOptions> = {},
): Stand {
  const fixture = openFactory({
    workerPath: EVIL_WORKER,
    executablePath: () => EVIL_WORKER,
    log: () => {},
    ...overrides,
  })
  return { fixture, runtime, capabilities }
}

/** The uid of the ordinary user in tests. It needs no entry in /etc/passwd. */
export const ORDINARY_ID = 61_234

/** A user namespace that may not create further ones, as some machines configure it for every user. */
export const WITHOUT_NAMESPACES = [
  'unshare',
  '--user',
  '--map-user=1000',
  '--map-group=1000',
  '--keep-caps',
  '/bin/sh',
  '-c',
  `'echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --ambient-caps=-all --inh-caps=-all -- "$@"' sh`,
].join(' ')

/**
 * The launcher as an ordinary user starts it, for a service that is not root. If these tests run as
 * root, a script drops the privileges first.
 */
export function asOrdinaryUser(userNamespaces: boolean): Partial<WorkerFactoryOptions> {
  const folder = mkdtempSync(join(tmpdir(), 'functions-user-'))
  chmodSync(folder, 0o755)
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const copy = (path: string) => {
    const to = join(folder, basename(path))
    copyFileSync(path, to)
    chmodSync(to, 0o755)
    return to
  }
  const runDir = join(folder, 'run')
  mkdirSync(join(runDir, 'empty'), { recursive: true, mode: 0o700 })
  const isRoot = process.getuid?.() === 0
  const drop = isRoot
    ? `setpriv --reuid=${ORDINARY_ID} --regid=${ORDINARY_ID} --clear-groups --`
    : ''
  if (isRoot) {
    for (const path of [join(runDir, 'empty'), runDir]) chownSync(path, ORDINARY_ID, ORDINARY_ID)
  }
  const launcher = copy(process.env.FUNCTIONS_TEST_LAUNCHER ?? join(BIN, 'functions-launcher'))
  const script = join(folder, 'as-user')
  const without = userNamespaces ? '' : WITHOUT_NAMESPACES
  const path = `PATH=${process.env.PATH}`
  writeFileSync(
    script,
    `#!/bin/sh\n${path}\nexport PATH\nexec ${drop} ${without} ${launcher} "$@"\n`,
  )
  chmodSync(script, 0o755)
  const worker = copy(EVIL_WORKER)
  return {
    launcherPath: script,
    workerPath: worker,
    executablePath: () => worker,
    runDir,
    sandboxUid: undefined,
  }
}

export function attack({ fixture, runtime, capabilities }: Stand, attempt: string): Started {
  return begin(fixture.factory, makeSpec(runtime, attempt, { capabilities }))
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
  // What it printed before it died counts; else how it died.
  const said = started.logs[0]?.message
  started.worker.kill(new Error('enough') as never)
  if (said === undefined) return ended ?? 'nothing'
  const refused = /^refused (\d+)$/.exec(said)?.[1]
  return refused === undefined ? said : `refused ${errnoNames.get(Number(refused)) ?? refused}`
}
