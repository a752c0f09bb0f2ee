import { existsSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs'
import { release } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { readyWorker } from '../admin/offline-control.ts'
import { namedProfile } from '../capabilities/profiles.ts'
import type { Capabilities } from '../capabilities/schema.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import { Listener } from '../gateway/listener.ts'
import { withTemporaryFolder } from '../lib/temporary-folder.ts'
import { MetadataStore } from '../metadata/store.ts'
import { findBinary, type ProgramName } from '../service/binaries.ts'
import {
  descriptorLimit,
  descriptorWarning,
  neededDescriptors,
} from '../service/descriptor-limit.ts'
import {
  binaryOptions,
  checkWorkerProgram,
  startLauncher,
  workerUser,
} from '../service/native-programs.ts'
import { ServiceLog } from '../telemetry/service-log.ts'
import { type LayerReport, probeLayers } from '../worker/process/sandbox-probe.ts'
import type { WorkerSpec } from '../worker/worker.ts'
import { findService } from './client.ts'
import type { Command } from './command.ts'
import { refuseFoundPrograms } from './programs.ts'
import { table } from './table.ts'

/** The smallest function: it only has to load. */
const TEST_FUNCTION: WorkerSpec = {
  functionId: 'func-doctor',
  functionName: 'doctor',
  project: 'default',
  version: 'v1',
  runtime: 'quickjs-ng',
  handler: 'default',
  env: {},
  secrets: [],
  capabilities: namedProfile('strict', 'default'),
  loadBundle: async () => new TextEncoder().encode('export default () => new Response()'),
  mapStack: (stack) => stack,
}

interface Check {
  name: string
  /** `warn`: functions run, but with fewer layers or profiles than the platform offers. */
  result: 'ok' | 'warn' | 'fail'
  detail: string
}

export const doctor: Command = {
  name: 'doctor',
  localOnly: true,
  summary: 'Check whether this machine can run functions, and which sandbox layers it offers',
  examples: ['doctor', 'doctor --data-dir /var/lib/functions'],
  takesSettings: true,
  async run({ loaded, print }) {
    refuseFoundPrograms(loaded)
    const { config } = loaded
    const layers = await probeAll(config)
    const checks: Check[] = [
      checkConfig(loaded),
      checkKernel(layers),
      await attempt('quickjs-worker', () => checkProgram(config, 'quickjs-worker')),
      await attempt('functions-launcher', () => checkProgram(config, 'functions-launcher')),
      await attempt('worker', () => checkWorker(config, layers)),
      ...(await checkProfiles(config)),
      await attempt('data directory', () => checkDataDir(config)),
      await attempt('port', () => checkPort(loaded)),
      await attempt('restart', checkRestart),
      await attempt('open files', () => checkDescriptors(config)),
    ]
    const failed = checks.some(({ result }) => result === 'fail')
    await print(
      { ok: !failed, checks, layers },
      () => `${checkTable(checks)}\n${layerTable(layers)}`,
    )
    return failed ? 1 : 0
  },
}

/** A sandbox layer, and whether a strict worker runs under it. */
type Layer = LayerReport & { inUse: boolean }

function checkTable(checks: Check[]): string {
  const rows = checks.map(({ name, result, detail }) => [name, result, detail])
  return table(['CHECK', 'RESULT', 'DETAIL'], rows)
}

function layerTable(layers: Layer[]): string {
  const word = (yes: boolean) => (yes ? 'yes' : 'no')
  const rows = layers.map(({ layer, available, inUse, detail }) => {
    return [layer, word(available), word(inUse), detail]
  })
  return table(['LAYER', 'AVAILABLE', 'IN USE', 'DETAIL'], rows)
}

type Finding = Omit<Check, 'name'>

async function attempt(name: string, check: () => Finding | Promise<Finding>): Promise<Check> {
  try {
    return { name, ...(await check()) }
  } catch (error) {
    return { name, result: 'fail', detail: (error as Error).message }
  }
}

function checkConfig({ file, warnings }: LoadedConfig): Check {
  const source = file === undefined ? 'no functions.toml; defaults and environment only' : file.path
  return {
    name: 'configuration',
    result: warnings.length === 0 ? 'ok' : 'warn',
    detail: [source, ...warnings].join('; '),
  }
}

/** Judged by the layers' probes: the kernel's list of security modules is not mounted everywhere. */
function checkKernel(layers: Layer[]): Check {
  const asked = layers.filter(({ layer }) => layer === 'seccomp' || layer === 'landlock')
  const has = asked.map(({ layer, available }) => (available ? layer : `no ${layer}`))
  return {
    name: 'kernel',
    result: asked.every(({ available }) => available) ? 'ok' : 'warn',
    detail: [`${process.platform} ${release()} ${process.arch}`, ...has].join(', '),
  }
}

async function checkProgram(config: Config, name: ProgramName): Promise<Finding> {
  return await withScratch(config, async (scratch) => {
    const path = await findBinary(name, binaryOptions(scratch))
    const shown = path.startsWith(scratch.server.dataDir) ? 'inside this executable' : path
    if (name === 'functions-launcher') {
      return { result: 'ok', detail: shown }
    }
    return { result: 'ok', detail: `${await checkWorkerProgram(path)}, ${shown}` }
  })
}

/** Starts a real worker as for a strict function, and records its layers. */
async function checkWorker(config: Config, layers: Layer[]): Promise<Finding> {
  return await withScratch(config, async (scratch) => {
    const launcher = await startLauncher(scratch, new ServiceLog(() => {}))
    try {
      await launcher.warm()
      const startedAt = performance.now()
      const worker = await readyWorker(launcher, TEST_FUNCTION)
      for (const layer of layers) layer.inUse = worker.layers.includes(layer.layer)
      const ms = (performance.now() - startedAt).toFixed(1)
      return { result: 'ok', detail: `ready in ${ms} ms; layers: ${worker.layers.join(', ')}` }
    } finally {
      await launcher.close()
    }
  })
}

/** Probes each layer with the launcher; empty if there is no launcher. */
async function probeAll(config: Config): Promise<Layer[]> {
  try {
    return await withScratch(config, async (scratch) => {
      const [launcherPath, workerPath] = await Promise.all([
        findBinary('functions-launcher', binaryOptions(scratch)),
        findBinary('quickjs-worker', binaryOptions(scratch)),
      ])
      const sandboxUid = workerUser(scratch)
      const emptyDir = scratch.server.dataDir
      const found = await probeLayers({ launcherPath, workerPath, sandboxUid, emptyDir })
      return found.map((layer) => ({ ...layer, inUse: false }))
    })
  } catch {
    // The checks of the programs report what is wrong with them.
    return []
  }
}

/** Profiles wider than strict. For each of them a worker has to start. */
const WIDER: [name: string, runtime: WorkerSpec['runtime'], Partial<Capabilities>][] = [
  ['profiles with paths', 'quickjs-ng', { allowFilesystem: true, allowedPaths: ['/usr/share'] }],
  ['profiles with programs', 'quickjs-ng', { allowChildProcess: true }],
  ['the permissive profile', 'quickjs-ng', namedProfile('permissive', 'default')],
  ['bun workers', 'bun', { allowEval: true, maxMemory: 512 * 2 ** 20 }],
]

async function checkProfiles(config: Config): Promise<Check[]> {
  return await withScratch(config, async (scratch) => {
    const checks: Check[] = []
    for (const [name, runtime, changes] of WIDER) {
      checks.push(await attempt(name, () => checkProfile(scratch, runtime, changes)))
    }
    return checks
  })
}

async function checkProfile(
  scratch: Config,
  runtime: WorkerSpec['runtime'],
  changes: Partial<Capabilities>,
): Promise<Finding> {
  const launcher = await startLauncher(scratch, new ServiceLog(() => {}))
  try {
    const capabilities = { ...TEST_FUNCTION.capabilities, ...changes }
    const worker = await readyWorker(launcher, { ...TEST_FUNCTION, runtime, capabilities })
    return { result: 'ok', detail: `layers: ${worker.layers.join(', ')}` }
  } catch (error) {
    const { code, message } = error as FunctionError
    if (code !== 'SANDBOX_UNAVAILABLE') throw error
    return { result: 'warn', detail: `refused: ${message}` }
  } finally {
    await launcher.close()
  }
}

function checkDataDir({ server }: Config): Finding {
  const path = resolve(server.dataDir)
  if (existsSync(join(path, 'metadata.db'))) {
    const store = MetadataStore.open(path)
    const count = store.list().length
    store.close()
    return { result: 'ok', detail: `${path}, ${count} functions` }
  }
  let parent = path
  while (!existsSync(parent)) {
    parent = dirname(parent)
  }
  try {
    // access(2) tells root that every directory is writable, even where no file can be created.
    rmdirSync(mkdtempSync(join(parent, '.functions-')))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const message = `Cannot create ${path} (${code} in ${parent}): make ${parent} writable for this user, or set another directory with --data-dir.`
    throw new FunctionError('STORAGE_UNUSABLE', message, { cause })
  }
  return { result: 'ok', detail: `${path} will be created` }
}

function checkDescriptors(config: Config): Finding {
  const limit = descriptorLimit()
  const warning = descriptorWarning(config, limit)
  const enough = `the limit is ${limit}; the settings may need ${neededDescriptors(config)}`
  return { result: warning === undefined ? 'ok' : 'warn', detail: warning ?? enough }
}

async function checkPort(loaded: LoadedConfig): Promise<Finding> {
  const { host, port } = loaded.config.server
  if ((await findService(loaded)) !== undefined) {
    return { result: 'ok', detail: 'a service runs on this data directory' }
  }
  try {
    Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true)
    return { result: 'ok', detail: `${host}:${port} is free` }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    return {
      result: 'warn',
      detail: `cannot listen on ${host}:${port} (${code}): 'functions serve' needs another --host or --port`,
    }
  }
}

/** The native programs, which are unpacked there, and a little more. */
const SCRATCH_BYTES = 5 * 2 ** 20

/** Tries what a hand-over does with the listening socket: it depends on Bun and on the C library. */
function checkRestart(): Finding {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    fetch: () => new Response(),
  })
  try {
    const listener = new Listener(server.port ?? 0)
    listener.pause()
    listener.resume()
    return {
      result: 'ok',
      detail: `another process can take over the listening socket; ${migrateRequests()}`,
    }
  } catch (error) {
    return {
      result: 'warn',
      detail: `'functions restart' and 'functions upgrade' will fail (${(error as Error).message}): stop and start the service instead`,
    }
  } finally {
    server.stop(true)
  }
}

/** The kernel's setting for services whose processes listen on sockets of their own, which this one does not. */
function migrateRequests(): string {
  const path = '/proc/sys/net/ipv4/tcp_migrate_req'
  const value = existsSync(path) ? readFileSync(path, 'latin1').trim() : 'absent'
  return `net.ipv4.tcp_migrate_req is ${value}, and need not be set, as both share one socket`
}

/** Calls `use` with the same settings on a temporary data directory, which is removed afterwards. */
async function withScratch<T>(config: Config, use: (scratch: Config) => Promise<T>): Promise<T> {
  return await withTemporaryFolder('functions-doctor-', SCRATCH_BYTES, (dataDir) =>
    use({ ...config, server: { ...config.server, dataDir } }),
  )
}
