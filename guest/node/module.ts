/**
 * node:module. The bundler resolves the calls of what `createRequire(import.meta.url)` makes; this is for
 * the others, whose module is only known at run time: a worker has no files to load it from.
 */
import { invalidArgValue, nodeError } from './internal/errors.ts'

/** The modules of Node, also those that are not available here. */
export const builtinModules: readonly string[] =
  'assert assert/strict async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns dns/promises domain events fs fs/promises http http2 https inspector inspector/promises module net os path path/posix path/win32 perf_hooks process punycode querystring readline readline/promises repl stream stream/consumers stream/promises stream/web string_decoder sys timers timers/promises tls trace_events tty url util util/types v8 vm wasi worker_threads zlib'.split(
    ' ',
  )

/** Is it a module of Node, with `node:` or without? Not every one of them is available here. */
export function isBuiltin(name: string): boolean {
  return builtinModules.includes(String(name).replace(/^node:/, ''))
}

interface Require {
  (id: string): never
  resolve(id: string): never
  cache: Record<string, unknown>
}

/**
 * @param place of the module that requires: a `file:` URL or an absolute path
 * @returns a function that fails for every module, as `require` does for one that is not installed
 */
export function createRequire(place: string | URL): Require {
  const path = String(place)
  if (!path.startsWith('file:') && !path.startsWith('/')) {
    throw invalidArgValue(
      'filename',
      place,
      'must be a file URL object, file URL string, or absolute path string',
    )
  }
  const fail = (id: string): never => {
    throw nodeError(
      'MODULE_NOT_FOUND',
      `Cannot find module '${id}': it is not in the bundle. Call what createRequire(import.meta.url) made with a literal, in the same file`,
    )
  }
  const require = (id: string) => fail(id)
  return Object.assign(require, { resolve: fail, cache: Object.create(null) })
}

/** What `require('node:module')` gives. */
function Module() {
  throw nodeError(
    'ERR_METHOD_NOT_IMPLEMENTED',
    'new Module() is not available in quickjs-ng functions',
  )
}

export default Object.assign(Module, { Module, builtinModules, createRequire, isBuiltin })
