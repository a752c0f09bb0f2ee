/** What the service asks of the bundler's process, on its standard input, and what that answers. */
import type { Runtime } from '../../capabilities/runtime.ts'

export interface BuildTask {
  entry: string
  out: string
  runtime: Runtime
  /** Identifiers that no module declares, and what they become. */
  define: Record<string, string>
  /** The file with the sources of Node's modules, a JSON object by name. */
  nodeModules: string
  /** Files in it by the name that is imported. */
  nodeNames: Record<string, string>
  /** Globals to make before the entry runs, by name: the module of Node's that has each. */
  globals: Record<string, string>
  /** Of the entry: known from a build before this one, needed where there are globals to make. */
  exports: string[]
}

export interface BuildFailure {
  message: string
  file?: string
  line?: number
  column?: number
}

export const CODE_FILE = 'bundle.js'
export const MAP_FILE = 'bundle.js.map'
export const META_FILE = 'meta.json'
