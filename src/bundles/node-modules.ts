/** Node's modules for quickjs-ng functions: the source of each, and the capability that it needs. */
import type { Capabilities } from '../capabilities/schema.ts'
import type { NodeExtra } from './bundler/task.ts'

interface NodeModule {
  /** File in `node/`, without its extension. */
  source: string
  needs?: 'allowFilesystem' | 'allowChildProcess'
  /** More of its members, only in bundles whose importers of the module name one. */
  extra?: NodeExtra
}

/** By name, without `node:`. */
export const NODE_MODULES: Readonly<Record<string, NodeModule>> = {
  assert: { source: 'assert' },
  'assert/strict': { source: 'assert-strict' },
  async_hooks: { source: 'async_hooks' },
  buffer: { source: 'buffer' },
  child_process: { source: 'child_process', needs: 'allowChildProcess' },
  constants: { source: 'constants' },
  crypto: { source: 'crypto' },
  diagnostics_channel: { source: 'diagnostics_channel' },
  dns: { source: 'dns' },
  'dns/promises': { source: 'dns-promises' },
  events: { source: 'events' },
  fs: {
    source: 'fs',
    needs: 'allowFilesystem',
    extra: {
      source: 'fs-streams',
      members: ['ReadStream', 'WriteStream', 'createReadStream', 'createWriteStream'],
    },
  },
  'fs/promises': {
    source: 'fs-promises',
    needs: 'allowFilesystem',
    // Methods of a FileHandle.
    extra: { source: 'fs-streams', members: [], names: ['createReadStream', 'createWriteStream'] },
  },
  http: { source: 'http' },
  https: { source: 'https' },
  module: { source: 'module' },
  net: { source: 'net' },
  os: { source: 'os' },
  path: { source: 'path', extra: { source: 'path-win32', members: ['win32'] } },
  'path/posix': { source: 'path' },
  'path/win32': { source: 'path-win32' },
  perf_hooks: { source: 'perf_hooks' },
  process: { source: 'process' },
  punycode: { source: 'punycode' },
  querystring: { source: 'querystring' },
  stream: { source: 'stream' },
  'stream/consumers': { source: 'stream-consumers' },
  'stream/promises': { source: 'stream-promises' },
  'stream/web': { source: 'stream-web' },
  string_decoder: { source: 'string_decoder' },
  sys: { source: 'util' },
  timers: { source: 'timers' },
  'timers/promises': { source: 'timers-promises' },
  tty: { source: 'tty' },
  url: { source: 'url' },
  util: { source: 'util' },
  'util/types': { source: 'util-types' },
  zlib: { source: 'zlib' },
}

/** `fs` for `functions:node:fs`; undefined if the path is not one of NODE_MODULES. */
export function nodeNameOf(path: string): string | undefined {
  const name = /^functions:(?:require:)?node:(.+)$/.exec(path)?.[1]
  return name !== undefined && Object.hasOwn(NODE_MODULES, name) ? name : undefined
}

/** `net` for `functions:stub:net`, which packages have in place of a module that is not available. */
export function nodeStubOf(path: string): string | undefined {
  return /^functions:(?:require:)?stub:(.+)$/.exec(path)?.[1]
}

/** Why a function with these capabilities must not import the module; undefined if it may. */
export function nodeRefusal(name: string, capabilities: Capabilities): string | undefined {
  const needs = NODE_MODULES[name]?.needs
  return needs === undefined || capabilities[needs]
    ? undefined
    : `needs a profile with ${needs}, which this one does not give`
}
