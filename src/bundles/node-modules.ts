/** Node's modules that quickjs-ng functions have: what each is made of, and who may import it. */
import type { Capabilities } from '../capabilities/schema.ts'

interface NodeModule {
  /** In `node/`, without its ending. */
  source: string
  needs?: 'allowFilesystem' | 'allowChildProcess'
}

/** By name without `node:`. */
export const NODE_MODULES: Readonly<Record<string, NodeModule>> = {
  assert: { source: 'assert' },
  'assert/strict': { source: 'assert-strict' },
  async_hooks: { source: 'async_hooks' },
  buffer: { source: 'buffer' },
  child_process: { source: 'child_process', needs: 'allowChildProcess' },
  crypto: { source: 'crypto' },
  events: { source: 'events' },
  fs: { source: 'fs', needs: 'allowFilesystem' },
  'fs/promises': { source: 'fs-promises', needs: 'allowFilesystem' },
  path: { source: 'path' },
  'path/posix': { source: 'path' },
  process: { source: 'process' },
  punycode: { source: 'punycode' },
  querystring: { source: 'querystring' },
  stream: { source: 'stream' },
  string_decoder: { source: 'string_decoder' },
  timers: { source: 'timers' },
  url: { source: 'url' },
  util: { source: 'util' },
  'util/types': { source: 'util-types' },
}

/** `node:fs` of `functions:node:fs`; undefined for what is none of our modules for tenants. */
export function nodeNameOf(path: string): string | undefined {
  const name = /^functions:(?:require:)?node:(.+)$/.exec(path)?.[1]
  return name !== undefined && Object.hasOwn(NODE_MODULES, name) ? name : undefined
}

/** Why a function with these capabilities may not import one of them; undefined where it may. */
export function nodeRefusal(name: string, capabilities: Capabilities): string | undefined {
  const needs = NODE_MODULES[name]?.needs
  return needs === undefined || capabilities[needs]
    ? undefined
    : `needs a profile with ${needs}, which this one does not give`
}
