/** Finds out which sandbox layers this machine provides, by asking the launcher for each. */

import { validateLaunchMessage } from '../protocol/announcements.ts'
import { connectFd } from '../protocol/connect-fd.ts'
import { Cgroups } from '../sandbox/cgroups.ts'
import { describeLandlock, landlockAbi } from '../sandbox/landlock-abi.ts'
import { remedy } from '../sandbox/sandbox.ts'
import { launch, readLines } from './spawn.ts'

export interface LayerReport {
  layer: string
  available: boolean
  /** What the layer does, or why it is not available and what to do. */
  detail: string
}

export interface ProbeOptions {
  launcherPath: string
  /** A static program that exits by itself with `--version`. */
  workerPath: string
  sandboxUid: number | undefined
  emptyDir: string
}

const PROBE_MS = 10_000

const LAYERS: readonly { layer: string; what: string | (() => string); flags: string[] }[] = [
  { layer: 'rlimits', what: 'limits the resources of each process', flags: [] },
  { layer: 'no_new_privs', what: 'no program can give a worker more rights', flags: [] },
  {
    layer: 'pid_namespace',
    what: 'a worker sees no other process; its children end with it',
    flags: ['--pid-namespace', 'required'],
  },
  {
    layer: 'mount_namespace',
    what: 'a worker has its own root: empty except for the allowed paths, or the root of the host without the files of the service',
    flags: ['--mount-namespace', 'required'],
  },
  {
    layer: 'network_namespace',
    what: 'a worker has an empty network',
    flags: ['--network-namespace', 'required'],
  },
  {
    layer: 'ipc_namespace',
    what: 'a worker shares no memory',
    flags: ['--ipc-namespace', 'required'],
  },
  {
    layer: 'uts_namespace',
    what: 'a worker does not see the host name',
    flags: ['--uts-namespace', 'required'],
  },
  {
    layer: 'landlock',
    what: () => describeLandlock(landlockAbi()),
    flags: ['--landlock', 'required', '--mount-read', '/nowhere'],
  },
  {
    layer: 'seccomp',
    what: 'allows only the system calls that a worker needs',
    flags: ['--seccomp', 'programs'],
  },
]

/** Asks the launcher for each layer separately. */
export async function probeLayers(options: ProbeOptions): Promise<LayerReport[]> {
  const probed = LAYERS.map(async ({ layer, what, flags }): Promise<LayerReport> => {
    const why = await probe(options, layer, flags)
    const available = why === undefined
    if (!available) return { layer, available, detail: `${why}; ${remedy(layer)}` }
    return { layer, available, detail: typeof what === 'string' ? what : what() }
  })
  return [user(options), ...(await Promise.all(probed)), cgroup()]
}

function user({ sandboxUid }: ProbeOptions): LayerReport {
  const available = sandboxUid !== undefined
  const layer = 'uid'
  return {
    layer,
    available,
    detail: available
      ? `workers run as user ${sandboxUid}, which has no privileges`
      : `workers run as the user of the service, because it is not root; ${remedy(layer)}`,
  }
}

function cgroup(): LayerReport {
  const why = Cgroups.obstacle()
  const detail =
    why ?? 'limits memory, processes and CPU of each function; `functions serve` sets it up'
  return {
    layer: 'cgroup',
    available: why === undefined,
    detail:
      why === undefined ? detail : `${why}; without it, workers are limited by their nice value`,
  }
}

/** @returns undefined if the layer is available, else why it is not */
async function probe(
  options: ProbeOptions,
  layer: string,
  flags: string[],
): Promise<string | undefined> {
  const { launcherPath, workerPath, sandboxUid, emptyDir } = options
  const ended = Promise.withResolvers<void>()
  const pid = flags.includes('--pid-namespace') ? [] : ['--pid-namespace', 'off']
  const launched = launch({
    launcherPath,
    sandboxUid,
    cwd: emptyDir,
    flags: [...pid, ...flags],
    program: [workerPath, '--version'],
    onExit: () => ended.resolve(),
  })
  void readLines(launched.process.stdout, () => {})
  void readLines(launched.process.stderr, () => {})
  let output = ''
  const closed = Promise.withResolvers<void>()
  const socket = await connectFd(launched.channelFd, undefined, {
    data: (_socket, data) => {
      output += data.toString('latin1')
    },
    close: () => closed.resolve(),
  })
  const timer = setTimeout(() => launched.process.kill('SIGKILL'), PROBE_MS)
  await Promise.all([ended.promise, closed.promise])
  clearTimeout(timer)
  socket.terminate()
  return explain(output, layer)
}

function explain(output: string, layer: string): string | undefined {
  try {
    for (const line of output.trim().split('\n')) {
      const message = validateLaunchMessage(JSON.parse(line))
      if (message.type === 'launch-failed') return `${message.what} (${message.errno})`
      if (!message.layers.includes(layer)) return 'the launcher did not apply it'
    }
    return undefined
  } catch {
    return 'the launcher did not report it'
  }
}
