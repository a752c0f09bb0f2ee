/** Globals that a bundle may name, though no module of it declares them: what becomes of them. */
import type { Capabilities } from '../capabilities/schema.ts'

/** Made by the bundle itself where it names them: the module of Node's that has each. */
export const MADE_GLOBALS: Readonly<Record<string, string>> = {
  Buffer: 'buffer',
  clearImmediate: 'timers',
  process: 'process',
  setImmediate: 'timers',
}

/** What other platforms have and a quickjs-ng worker has not. The worker says the same of them. */
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

/** They compile text at run time. */
const EVAL_GLOBALS = ['Function', 'eval']

/** Stands before the rest of a name in a bundle that is looked through: no name begins so. */
export const MARK = 'ꝙ'

/** The names that are looked for in a bundle. */
export function watchedGlobals(capabilities: Capabilities): string[] {
  return [
    ...Object.keys(MADE_GLOBALS),
    ...MISSING_GLOBALS,
    ...(capabilities.allowEval ? [] : EVAL_GLOBALS),
  ]
}

/** As long as the name itself, so that every column of the source map holds. */
export function marked(name: string): string {
  return MARK + name.slice(1)
}

/**
 * What the bundler is to put in place of identifiers that no module declares. It alone knows which
 * those are: it marks them, and what it marked is found and taken back in what it wrote.
 */
export function globalDefines(watched: readonly string[]): Record<string, string> {
  const defines: Record<string, string> = {
    __dirname: '"/"',
    __filename: '"/bundle.js"',
    global: 'globalThis',
  }
  for (const name of watched) {
    defines[name] = marked(name)
    for (const scope of MADE_GLOBALS[name] === undefined ? ['globalThis', 'self'] : []) {
      defines[`${scope}.${name}`] = `${scope}.${marked(name)}`
    }
  }
  return defines
}

/** Why a function cannot use it, in words that complete a sentence. */
export function globalRefusal(name: string): string {
  return EVAL_GLOBALS.includes(name)
    ? 'compiles text at run time, which needs a profile with allowEval'
    : 'is not available in quickjs-ng functions'
}
