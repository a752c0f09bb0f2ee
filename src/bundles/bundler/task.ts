/** The messages between the caller and the bundler process. */
import type { Runtime } from '../../capabilities/runtime.ts'

/** File of `node/` that makes `RegExp.$1` and its kind. */
export const REGEXP_STATICS_MODULE = 'regexp-statics'

export interface NodeExtra {
  /** File of `node/`, without its extension. */
  source: string
  members: readonly string[]
  /** Names that ask for it, where these are not its members. */
  names?: readonly string[]
}

type Plain = string | number | boolean | null
/** Constants, and tables of them such as `constants`. */
export type NodeValues = Readonly<Record<string, Plain | Readonly<Record<string, Plain>>>>

export interface BuildTask {
  entry: string
  /** The project's. No tsconfig.json outside of it is read. */
  root: string
  out: string
  runtime: Runtime
  /** Replacements for identifiers that no module declares. */
  define: Record<string, string>
  /** The file with the sources of Node's modules, a JSON object by name. */
  nodeModules: string
  /** Files in it by the name that is imported. */
  nodeNames: Record<string, string>
  /** More members of some of these modules, for bundles whose code names one of them. */
  nodeExtras: Record<string, NodeExtra>
  /** Names of Node's modules that the profile does not allow. */
  denied: string[]
  /** By name: what packages get in place of each module of Node that is missing or denied. */
  nodeStubs: Record<string, NodeStub>
  /** What each of these modules lacks of Node's own: the names of functions and classes. */
  nodeLacks: Record<string, readonly string[]>
  /** Globals to define before the entry runs, with the Node module that exports each. */
  globals: Record<string, string>
  /** Files that an `import()` may load by a name that is only known at run time. */
  globs: { file: string; type?: string }[]
  /** Exports of the entry, from an earlier build. Needed if there are globals or globs. */
  exports: string[]
  overrides: ImportOverride[]
  /** Absolute paths of files that could not be bundled: an empty module stands in for each. */
  broken: string[]
  /** Names that imports did not find in a module, by its path as the bundler names it. */
  addedExports: Record<string, string[]>
  /** Absolute paths of modules that make a `require` with `createRequire`. */
  requireIn: string[]
  /** Undeclared names that do not exist in a worker, as `define` writes them, with their real names. */
  missing: Record<string, string>
  /** The program of analysis.ts as one text. */
  analysis: string
}

/** A module whose functions and classes throw when they are called. */
export interface NodeStub {
  members: readonly string[]
  values: NodeValues
  /** The capability that would make it available. */
  needs?: string
}

/** Where an import leads, in place of where the bundler would find it. */
export type ImportOverride = {
  /** Absolute. */
  importer: string
  specifier: string
} & (
  | { file: string }
  /** The message of the error that the import fails with at run time. */
  | { error: string }
)

/** Everything that failed; at least one. */
export type BuildFailures = BuildFailure[]

export interface BuildFailure {
  message: string
  /** What an import names that was not found. */
  specifier?: string
  file?: string
  line?: number
  column?: number
}

export const TASK_FILE = 'task.json'
export const CODE_FILE = 'bundle.js'
export const MAP_FILE = 'bundle.js.map'
export const META_FILE = 'meta.json'
/** The compiler options of the project. */
export const TSCONFIG_FILE = 'tsconfig.json'
/** The variable that holds the functions which load the files of globs; the bundle declares it. */
export const GLOB_LOADERS = 'functionsGlobLoaders'
