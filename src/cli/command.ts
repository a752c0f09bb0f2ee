/** The interface of a command. */
import type { Target } from './client.ts'

/** Environment and output, passed in so that tests can replace them. */
export interface Io {
  env: Readonly<Record<string, string | undefined>>
  stdout(text: string | Uint8Array): Promise<unknown> | unknown
  stderr(text: string): Promise<unknown> | unknown
}

export interface CommandContext {
  io: Io
  loaded: Target
  /** The project that the command is about. */
  project: string
  /** Undefined: none was named, and a command may be about all of them. */
  givenProject: string | undefined
  /** Print JSON documents, not tables. */
  json: boolean
  /** Prints the document with `--json`, otherwise the text. */
  print(document: unknown, text: () => string): Promise<void>
}

interface CommandOption {
  /** In commander's syntax: `--memory <size>`. */
  flags: string
  help: string
}

export interface Command {
  name: string
  /** In commander's syntax: `<name> [version]`. */
  args?: string
  summary: string
  /** Without `functions` in front. */
  examples: string[]
  options?: CommandOption[]
  /** It is about this machine only, and takes no service on another one. */
  localOnly?: boolean
  /** Takes a flag for every setting, as `serve` does. */
  takesSettings?: boolean
  /**
   * @param args in the order of `args`; undefined for an optional one that is not given
   * @param options by name in camelCase
   * @returns the exit status; nothing means 0
   */
  run(
    context: CommandContext,
    args: readonly (string | undefined)[],
    options: Readonly<Record<string, unknown>>,
  ): Promise<number | undefined> | Promise<void>
}
