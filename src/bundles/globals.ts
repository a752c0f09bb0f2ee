/** Globals that a bundle may use without declaring them, and what the build does about each. */
import type { Capabilities } from '../capabilities/schema.ts'
import { REGEXP_STATICS_MODULE } from './bundler/task.ts'

/** Globals that the bundle defines itself if it uses them, with the Node module that exports each. */
const MADE_GLOBALS: Readonly<Record<string, string>> = {
  Buffer: 'buffer',
  clearImmediate: 'timers',
  process: 'process',
  setImmediate: 'timers',
}

/** Properties of RegExp that the bundle defines itself if it names one, by a module that slows down each match. */
const REGEXP_STATICS: readonly string[] = [
  ...['$1', '$2', '$3', '$4', '$5', '$6', '$7', '$8', '$9'],
  ...['input', 'lastMatch', 'lastParen', 'leftContext', 'rightContext'],
]

/** The module that makes what an undeclared name means; undefined if none does. */
export function makerOf(name: string): string | undefined {
  return REGEXP_STATICS.includes(name) ? REGEXP_STATICS_MODULE : MADE_GLOBALS[name]
}

/**
 * Globals of other platforms that a quickjs-ng worker does not have. The worker has the same list
 * for its errors.
 */
export const MISSING_GLOBALS: readonly string[] = [
  'Bun',
  'Deno',
  'HTMLRewriter',
  'WebSocketPair',
  'importScripts',
  'Intl',
  'SharedWorker',
  'Temporal',
  'WebAssembly',
  'Worker',
  'BroadcastChannel',
  'EventSource',
  'WebSocket',
  'WebTransport',
  'XMLHttpRequest',
  'caches',
  'alert',
  'confirm',
  'document',
  'history',
  'indexedDB',
  'localStorage',
  'location',
  'prompt',
  'sessionStorage',
  'window',
  'Audio',
  'DOMParser',
  'Element',
  'FileReader',
  'HTMLElement',
  'Image',
  'MutationObserver',
  'Notification',
  'OffscreenCanvas',
  'cancelAnimationFrame',
  'requestAnimationFrame',
  'requestIdleCallback',
]

/** Globals that compile text at run time. */
const EVAL_GLOBALS = ['Function', 'eval']

/**
 * Replaces the first letter of an undeclared global while its bundle is searched: `\ua759ocument` is
 * `document`. LATIN SMALL LETTER Q WITH DIAGONAL STROKE may begin an identifier, is one column wide,
 * and does not occur in real code.
 */
export const UNDECLARED_MARK = '\ua759'

/** The names to search for in a bundle. */
export function watchedGlobals(capabilities: Capabilities): string[] {
  return [
    ...Object.keys(MADE_GLOBALS),
    ...REGEXP_STATICS,
    ...MISSING_GLOBALS,
    ...(capabilities.allowEval ? [] : EVAL_GLOBALS),
  ]
}

/** The marked name is as long as the name, so that the columns of the source map stay valid. */
export function marked(name: string): string {
  return UNDECLARED_MARK + name.slice(1)
}

/**
 * Returns the replacements for identifiers that no module declares. Only the bundler knows which these
 * are. It marks them, and `takeMarks` finds the marks in the bundle and removes them.
 */
export function globalDefines(watched: readonly string[]): Record<string, string> {
  const defines: Record<string, string> = {
    global: 'globalThis',
  }
  for (const name of watched) {
    if (REGEXP_STATICS.includes(name)) {
      defines[`RegExp.${name}`] = `RegExp.${marked(name)}`
      continue
    }
    defines[name] = marked(name)
    for (const scope of MADE_GLOBALS[name] === undefined ? ['globalThis', 'self'] : []) {
      defines[`${scope}.${name}`] = `${scope}.${marked(name)}`
    }
  }
  return defines
}

/** Why a function cannot use the global: the rest of a sentence that begins with its name. */
export function globalRefusal(name: string): string {
  return EVAL_GLOBALS.includes(name)
    ? 'compiles text at run time, which needs a profile with allowEval'
    : 'is not available in quickjs-ng functions'
}
