/** The layers that hold workers in: which of them this machine gives, found by asking for each. */

import { launch, readLines } from '../process/spawn.ts'
import { checkLaunchMessage } from '../protocol/announcements.ts'
import { connectFd } from '../protocol/connect-fd.ts'
import { Cgroups } from './cgroups.ts'
import { remedy } from './sandbox.ts'

export interface LayerReport {
  layer: string
  available: boolean
  /** What it does, or why it is not to be had and what to do. */
  detail: string
}

export interface ProbeOptions {
  launcherPath: string
  /** A static program that ends by itself with `--version`. */
  workerPath: string
  sandboxUid: number | undefined
  emptyDir: string
}

const PROBE_MS = 10_000

const LAYERS: readonly { layer: string; what: string; flags: string[] }[] = [
  { layer: 'rlimits', what: 'limits of each process, soft and hard', flags: [] },
  { layer: 'no_new_privs', what: 'no program can give it more rights', flags: [] },
  {
    layer: 'pid_namespace',
    what: 'sees no other process; its children end with it',
    flags: ['--pid-namespace', 'required'],
  },
  {
    layer: 'mount_namespace',
    what: 'a root of its own: empty but for what its profile names, or the host’s with the service’s own files covered',
    flags: ['--mount-namespace', 'required'],
  },
  {
    layer: 'network_namespace',
    what: 'an empty network',
    flags: ['--network-namespace', 'required'],
  },
  { layer: 'ipc_namespace', what: 'no shared memory', flags: ['--ipc-namespace', 'required'] },
  { layer: 'uts_namespace', what: 'no host name', flags: ['--uts-namespace', 'required'] },
  {
    layer: 'landlock',
    what: 'files by path; no ports; signals and sockets stay inside',
    flags: ['--landlock', 'required', '--mount-read', '/nowhere'],
  },
  {
    layer: 'seccomp',
    what: 'the system calls that its kind needs, and no other',
    flags: ['--seccomp', 'programs'],
  },
]

/** Asks the launcher for each layer on its own. */
export async function probeLayers(options: ProbeOptions): Promise<LayerReport[]> {
  const probed = LAYERS.map(async ({ layer, what, flags }): Promise<LayerReport> => {
    const why = await probe(options, layer, flags)
    const available = why === undefined
    return { layer, available, detail: available ? what : `${why}: ${remedy(layer)}` }
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
      ? `workers are the user ${sandboxUid}, which has no privileges`
      : `workers are the user of the service, which is not root: ${remedy(layer)}`,
  }
}

function cgroup(): LayerReport {
  const why = Cgroups.obstacle()
  const detail = why ?? 'memory, processes and CPU of each function; serve takes it'
  return {
    layer: 'cgroup',
    available: why === undefined,
    detail: why === undefined ? detail : `${why}; without it, workers are niced by function`,
  }
}

/** Undefined where it is to be had; else why not. */
async function probe(
  options: ProbeOptions,
  layer: string,
  flags: string[],
): Promise<string | undefined> {
  const { launcherPath, workerPath, sandboxUid, emptyDir } = options
  const ended = Promise.withResolvers<void>()
  const pid = flags.includes('--pid-namespace') ? [] : ['--pid-namespace', 'off']
  const launched = launch({
    ...{ launcherPath, sandboxUid, cwd: emptyDir, flags: [...pid, ...flags] },
    program: [workerPath, '--version'],
    onExit: () => ended.resolve(),
  })
  void readLines(launched.process.stdout, () => {})
  void readLines(launched.process.stderr, () => {})
  let said = ''
  const closed = Promise.withResolvers<void>()
  const socket = await connectFd(launched.channelFd, undefined, {
    data: (_socket, data) => {
      said += data.toString('latin1')
    },
    close: () => closed.resolve(),
  })
  const timer = setTimeout(() => launched.process.kill('SIGKILL'), PROBE_MS)
  await Promise.all([ended.promise, closed.promise])
  clearTimeout(timer)
  socket.terminate()
  return explain(said, layer)
}

function explain(said: string, layer: string): string | undefined {
  try {
    for (const line of said.trim().split('\n')) {
      const message = checkLaunchMessage(JSON.parse(line))
      if (message.type === 'launch-failed') return `${message.what} (${message.errno})`
      if (!message.layers.includes(layer)) return 'the launcher did not apply it'
    }
    return undefined
  } catch {
    return 'the launcher did not answer'
  }
}
