/** What a command is: its words, and what it does with them. */
import type { LoadedConfig } from '../config/load.ts'

/** The world outside, handed in. */
export interface Io {
  env: Readonly<Record<string, string | undefined>>
  stdout(text: string | Uint8Array): Promise<unknown> | unknown
  stderr(text: string): Promise<unknown> | unknown
}

export interface CommandContext {
  io: Io
  loaded: LoadedConfig
  /** Documents for programs rather than tables for people. */
  json: boolean
  /** Prints the document for programs, or the text for people. */
  print(document: unknown, text: () => string): Promise<void>
}

export interface CommandOption {
  /** As commander writes them: `--memory <size>`. */
  flags: string
  help: string
}

export interface Command {
  name: string
  /** As commander writes them: `<name> [version]`. */
  args?: string
  summary: string
  /** Without the name of the executable. */
  examples: string[]
  options?: CommandOption[]
  /** Takes a flag for every setting, as `serve` does. */
  takesSettings?: boolean
  /**
   * @param args in the order of `args`; undefined for an optional one that is not given
   * @param options by name in camelCase
   * @returns the exit status; 0 where it returns nothing
   */
  run(
    context: CommandContext,
    args: readonly (string | undefined)[],
    options: Readonly<Record<string, unknown>>,
  ): Promise<number | undefined> | Promise<void>
}
