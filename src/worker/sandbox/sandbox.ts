/** What holds a worker in: its root, its namespaces, and the layers that it may not run without. */

import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type AllowedPath, allowedPath } from '../../capabilities/match.ts'
import type { Capabilities } from '../../capabilities/schema.ts'
import { FunctionError } from '../../errors.ts'

/**
 * `sealed`: an empty root and an empty network. `paths`: a root with the allowed paths in it. `open`:
 * the host's root, but for what is the service's own.
 */
export type SandboxKind = 'sealed' | 'paths' | 'open'

/** Is a namespace to be had, to be tried, or not to be asked for? */
export type NamespaceMode = 'required' | 'preferred' | 'off'

export interface SandboxSettings {
  namespaces: NamespaceMode
  /** The operator's word to run without a layer that a profile requires. */
  allowDegraded: boolean
  /** What no worker may see of the host's root: paths without symbolic links. */
  covered: readonly string[]
}

/** A Bun worker's own executable and what the loader loads with it. */
export interface Program {
  path: string
  libraries: readonly string[]
}

export interface Sandbox {
  kind: SandboxKind
  /** Workers of the same key can be forked off one template. */
  key: string
  /** For functions-launcher. */
  launcherFlags: string[]
  /** For quickjs-worker, behind `--template` or `--worker`: what Landlock is to grant. */
  workerFlags: string[]
  /** The layers that it may not run without, by name. */
  required: readonly string[]
  /** It has the host's network; all others have the broker's alone. */
  network: boolean
  /** It may start programs, and so has a pid namespace of its own, with which they end. */
  ownProcess: boolean
}

/** What programs are made of on any Linux; they may be read and executed where programs may be started. */
const SYSTEM_PATHS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc/ld.so.cache']
const DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom']
const TMP_BYTES = 64 * 2 ** 20
/** Beyond what the cores of the machine make of them. */
const PROCESSES = 64
const BUN_FILES = ['/etc/ld.so.cache']

export function quickjsSandbox(capabilities: Capabilities, settings: SandboxSettings): Sandbox {
  const kind = kindOf(capabilities)
  const ownProcess = capabilities.allowChildProcess
  const network = hasHostNetwork(capabilities, kind)
  const mounts = kind === 'paths' ? pathMounts(capabilities) : []
  const required = ['seccomp', ...requiredOf(kind, network)]
  if (ownProcess) required.push('pid_namespace')
  // In the host's root its own /proc would be left in sight.
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

/** Processes and threads of a worker that may have them: the engine of Bun has some for each core. */
export function maxProcesses(): number {
  return PROCESSES + 2 * availableParallelism()
}

/** @param program what the worker executes; it closes none of its layers itself */
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
      ...['--proc', 'preferred', '--landlock', 'preferred'],
      ...['--seccomp', capabilities.allowChildProcess ? 'programs' : 'bun'],
      ...processFlags(),
    ],
    workerFlags: [],
    required: ['seccomp', 'pid_namespace', ...requiredOf(kind, network)],
    network,
    ownProcess: true,
  }
}

/**
 * Is every layer there that this sandbox may not be without?
 *
 * @throws {FunctionError} SANDBOX_UNAVAILABLE, with the layer and what to do
 */
export function checkLayers(
  sandbox: Sandbox,
  layers: readonly string[],
  settings: SandboxSettings,
): void {
  if (settings.allowDegraded) return
  const missing = sandbox.required.find((layer) => !layers.includes(layer))
  if (missing === undefined) return
  const message = `the sandbox '${sandbox.kind}' needs the layer ${missing}, which is not available on this machine: ${remedy(missing)}; or run without it by setting sandbox.allow_degraded = true`
  throw new FunctionError('SANDBOX_UNAVAILABLE', message)
}

/** What brings a layer back. */
export function remedy(layer: string): string {
  if (layer.endsWith('_namespace')) {
    return 'start the service as root, or allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)'
  }
  if (layer === 'landlock') return 'use a kernel from 5.13 on that has landlock among its lsm='
  if (layer === 'seccomp') return 'use a kernel with CONFIG_SECCOMP_FILTER'
  if (layer === 'uid') return 'start the service as root'
  return 'see the documentation of the sandbox'
}

function kindOf({ allowFilesystem, allowedPaths, allowChildProcess }: Capabilities): SandboxKind {
  const everything = allowedPaths.length === 0 || allowedPaths.some(isRoot)
  if (allowFilesystem && everything) return 'open'
  return allowFilesystem || allowChildProcess ? 'paths' : 'sealed'
}

function isRoot(entry: string): boolean {
  return allowedPath(entry).path === '/'
}

/** All else goes through the broker. */
function hasHostNetwork(capabilities: Capabilities, kind: SandboxKind): boolean {
  return kind === 'open' && capabilities.allowNetwork && capabilities.allowedDomains.length === 0
}

/** The filter of a sealed worker alone keeps files and network away; the others have calls for both. */
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
  // Without a mount namespace nothing is mounted, but Landlock goes by the same paths.
  const covers = settings.covered.flatMap((path) => ['--cover', path])
  if (kind === 'sealed') return mounts
  return kind === 'open' ? ['--root', 'host', ...covers] : [...mounts, ...covers]
}

function pathMounts(capabilities: Capabilities): string[] {
  const paths = capabilities.allowFilesystem ? capabilities.allowedPaths.map(allowedPath) : []
  const programs = capabilities.allowChildProcess
    ? [...systemPaths().flatMap((path) => ['--mount-program', path]), ...ownDevices()]
    : []
  // Folders come before what lies in them, which may have other rights.
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

/** The same paths in the words of quickjs-worker. */
function landlockFlags(mounts: string[], ownProcess: boolean): string[] {
  const words: Record<string, string> = { '--mount-device': '--write' }
  const flags = mounts.map((word) => words[word] ?? word.replace(/^--mount-/, '--'))
  return ownProcess && mounts.length > 0 ? [...flags, '--read', '/proc'] : flags
}
