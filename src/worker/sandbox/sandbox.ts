/** The sandbox of a worker: its root, its namespaces, and the layers that it requires. */

import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type AllowedPath, allowedPath } from '../../capabilities/match.ts'
import type { Capabilities } from '../../capabilities/schema.ts'
import { FunctionError } from '../../errors.ts'

/**
 * `sealed`: an empty root and an empty network. `paths`: a root with the allowed paths in it. `open`:
 * the host's root, except for the files of the service.
 */
export type SandboxKind = 'sealed' | 'paths' | 'open'

/** Whether a namespace is required, tried, or not used. */
export type NamespaceMode = 'required' | 'preferred' | 'off'

export interface SandboxSettings {
  namespaces: NamespaceMode
  /** The operator allows workers to run without a layer that their profile requires. */
  allowDegraded: boolean
  /** Paths of the host's root that no worker may see, without symbolic links. */
  covered: readonly string[]
}

/** A Bun worker's own executable and what the loader loads with it. */
export interface Program {
  path: string
  libraries: readonly string[]
}

export interface Sandbox {
  kind: SandboxKind
  /** Workers of the same key can be forked from one zygote. */
  key: string
  /** For functions-launcher. */
  launcherFlags: string[]
  /** For quickjs-worker, after `--template` or `--worker`: what Landlock grants. */
  workerFlags: string[]
  /** The layers that it must not run without, by name. */
  required: readonly string[]
  /** The worker has the host's network. All others reach a network only through the egress broker. */
  network: boolean
  /** The worker may start programs, so it has its own pid namespace, and they end with it. */
  ownProcess: boolean
}

/** Where Linux keeps programs and libraries. A function that may start programs may read and execute them. */
const SYSTEM_PATHS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc/ld.so.cache']
const DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom']
const TMP_BYTES = 64 * 2 ** 20
/** Processes and threads of a worker, besides two for each core. */
const PROCESSES = 64
const BUN_FILES = ['/etc/ld.so.cache']

export function quickjsSandbox(capabilities: Capabilities, settings: SandboxSettings): Sandbox {
  const kind = kindOf(capabilities)
  const ownProcess = capabilities.allowChildProcess
  const network = hasHostNetwork(capabilities, kind)
  const mounts = kind === 'paths' ? pathMounts(capabilities) : []
  const required = ['seccomp', ...requiredOf(kind, network)]
  if (ownProcess) required.push('pid_namespace')
  // In the host's root, the host's /proc would be visible otherwise.
  const proc = ownProcess || kind === 'open' ? ['--proc', 'preferred'] : []
  const processes = capabilities.allowChildProcess ? processFlags() : []
  return {
    kind,
    key: [kind, network, ...mounts].join('\n'),
    launcherFlags: [
      ...namespaceFlags(settings, network),
      ...rootFlags(kind, mounts, settings),
      ...proc,
      ...processes,
    ],
    workerFlags: [
      ...(kind === 'open' ? ['--any-file'] : []),
      ...(network ? ['--network'] : []),
      ...landlockFlags(mounts, ownProcess),
    ],
    required: kind === 'paths' ? [...required, 'landlock'] : required,
    network,
    ownProcess,
  }
}

/** Processes and threads of a worker that may have them. Bun's engine has some for each core. */
export function maxProcesses(): number {
  return PROCESSES + 2 * availableParallelism()
}

/** @param program what the worker executes; it applies no layer to itself */
export function bunSandbox(
  capabilities: Capabilities,
  settings: SandboxSettings,
  program: Program,
): Sandbox {
  const kind = kindOf(capabilities)
  const network = hasHostNetwork(capabilities, kind)
  const own = [program.path, ...program.libraries].flatMap((path) => ['--mount-program', path])
  const files = BUN_FILES.filter((path) => existsSync(path)).flatMap((path) => [
    '--mount-read',
    path,
  ])
  const devices = ownDevices()
  const mounts =
    kind === 'open'
      ? []
      : [
          ...own,
          ...files,
          ...(capabilities.allowChildProcess ? [] : devices),
          ...pathMounts(capabilities),
        ]
  return {
    kind,
    key: kind,
    launcherFlags: [
      ...namespaceFlags(settings, network),
      ...rootFlags(kind, mounts, settings),
      ...(kind === 'open' ? [] : ['--tmp', `${TMP_BYTES}`]),
      // Bun aborts without it.
      '--proc',
      'required',
      '--landlock',
      'preferred',
      '--seccomp',
      capabilities.allowChildProcess ? 'programs' : 'bun',
      ...processFlags(),
    ],
    workerFlags: [],
    required: ['seccomp', 'pid_namespace', ...requiredOf(kind, network)],
    network,
    ownProcess: true,
  }
}

/**
 * Validates that a worker has every layer that its sandbox requires.
 *
 * @throws {FunctionError} SANDBOX_UNAVAILABLE, which names the layer and what to do
 */
export function validateLayers(
  sandbox: Sandbox,
  layers: readonly string[],
  settings: SandboxSettings,
): void {
  if (settings.allowDegraded) return
  const missing = sandbox.required.find((layer) => !layers.includes(layer))
  if (missing === undefined) return
  const message = `The sandbox '${sandbox.kind}' requires the layer ${missing}, which is not available on this machine. To make it available, ${remedy(missing)}. To run without it, set sandbox.allow_degraded = true.`
  throw new FunctionError('SANDBOX_UNAVAILABLE', message)
}

/** What the operator can do to make a layer available, as the end of a sentence. */
export function remedy(layer: string): string {
  if (layer.endsWith('_namespace')) {
    return 'start the service as root, or allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)'
  }
  if (layer === 'landlock') return 'use Linux 5.13 or later with landlock in the lsm= boot option'
  if (layer === 'seccomp') return 'use a kernel with CONFIG_SECCOMP_FILTER'
  if (layer === 'uid') return 'start the service as root'
  return "see 'Requirements' in docs/operations.md"
}

function kindOf({ allowFilesystem, allowedPaths, allowChildProcess }: Capabilities): SandboxKind {
  const everything = allowedPaths.length === 0 || allowedPaths.some(isRoot)
  if (allowFilesystem && everything) return 'open'
  return allowFilesystem || allowChildProcess ? 'paths' : 'sealed'
}

function isRoot(entry: string): boolean {
  return allowedPath(entry).path === '/'
}

/** A Bun worker with these capabilities makes its requests itself, without the egress broker. */
export function bunUsesHostNetwork(capabilities: Capabilities): boolean {
  return hasHostNetwork(capabilities, kindOf(capabilities))
}

/** All other functions reach the network through the egress broker. */
function hasHostNetwork(capabilities: Capabilities, kind: SandboxKind): boolean {
  return kind === 'open' && capabilities.allowNetwork && capabilities.allowedDomains.length === 0
}

/** Seccomp alone keeps a sealed worker from files and network. The others have system calls for both. */
function requiredOf(kind: SandboxKind, network: boolean): string[] {
  if (kind === 'sealed') return []
  return network ? ['mount_namespace'] : ['mount_namespace', 'network_namespace']
}

function namespaceFlags({ namespaces }: SandboxSettings, network: boolean): string[] {
  return ['pid', 'mount', 'ipc', 'uts', ...(network ? [] : ['network'])].flatMap((name) => [
    `--${name}-namespace`,
    namespaces,
  ])
}

function processFlags(): string[] {
  return ['--processes', `${maxProcesses()}`]
}

function rootFlags(kind: SandboxKind, mounts: string[], settings: SandboxSettings): string[] {
  // Without a mount namespace nothing is mounted, but Landlock uses the same paths.
  const covers = settings.covered.flatMap((path) => ['--cover', path])
  if (kind === 'sealed') return mounts
  return kind === 'open' ? ['--root', 'host', ...covers] : [...mounts, ...covers]
}

function pathMounts(capabilities: Capabilities): string[] {
  const paths = capabilities.allowFilesystem ? capabilities.allowedPaths.map(allowedPath) : []
  const programs = capabilities.allowChildProcess
    ? [...systemPaths().flatMap((path) => ['--mount-program', path]), ...ownDevices()]
    : []
  // Directories come before their contents, which may have other rights.
  const ordered = paths.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return [...programs, ...ordered.flatMap(pathMount)]
}

function pathMount({ path, write }: AllowedPath): string[] {
  return [write ? '--mount-write' : '--mount-read', path]
}

function systemPaths(): string[] {
  return SYSTEM_PATHS.filter((path) => existsSync(path))
}

function ownDevices(): string[] {
  return DEVICES.flatMap((path) => ['--mount-device', path])
}

/** The same paths as flags of quickjs-worker. */
function landlockFlags(mounts: string[], ownProcess: boolean): string[] {
  const words: Record<string, string> = { '--mount-device': '--write' }
  const flags = mounts.map((word) => words[word] ?? word.replace(/^--mount-/, '--'))
  return ownProcess && mounts.length > 0 ? [...flags, '--read', '/proc'] : flags
}
