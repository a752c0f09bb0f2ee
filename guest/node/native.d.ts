/** What C gives to these modules; see guest/quickjs/node/bundle_imports.c. */
declare module 'fn:async' {
  /** What `run` or `enter` put in force here, also after an `await`. */
  export function current(): unknown
  /** Calls `fn` with `value` in force. */
  export function run(value: unknown, fn: () => unknown): unknown
  /** Puts `value` in force until the code that runs now ends. */
  export function enter(value: unknown): void
}

declare module 'fn:worker' {
  /** The function's own, frozen. */
  export const env: Readonly<Record<string, string>>
}

declare module 'fn:fs' {
  /** An open file; closed when nobody has it any more. */
  export interface File {
    readonly __file: never
  }
  /** Flags as Node has them: `r`, `w+`, `ax`. */
  export function open(path: string, flags: string, mode: number): File
  export function close(file: File): void
  /** A position below 0 is the file's own. */
  export function read(file: File, into: Uint8Array, position: number): number
  export function write(file: File, bytes: Uint8Array, position: number): number
  /** dev, mode, nlink, uid, gid, rdev, blksize, ino, size, blocks, atime, mtime and ctime in ms. */
  export function stat(path: string, follow: boolean): number[]
  export function fstat(file: File): number[]
  export function truncate(file: File, length: number): void
  export function sync(file: File): void
  export function datasync(file: File): void
  /** Name and kind by turns: d, f, l or ?. */
  export function readdir(path: string): string[]
  export function mkdir(path: string, mode: number): void
  export function unlink(path: string): void
  export function rmdir(path: string): void
  export function rename(from: string, to: string): void
  export function readlink(path: string): string
  export function realpath(path: string): string
}

declare module 'fn:process' {
  /** A program that was started. */
  export interface Program {
    readonly __program: never
  }
  /**
   * Its events: `exit` with status and signal, `written` with 0 or a negative errno for each write,
   * `stdout` and `stderr` with bytes, or null at the end.
   */
  export function spawn(
    file: string,
    args: string[],
    env: string[],
    cwd: string | undefined,
    onEvent: (what: string, first: unknown, second: unknown) => void,
  ): Program
  export function pid(program: Program): number
  export function read(program: Program, output: 1 | 2): void
  export function pause(program: Program, output: 1 | 2): void
  export function write(program: Program, bytes: Uint8Array): void
  export function end(program: Program): void
  export function kill(program: Program, signal: number): boolean
}

declare module 'fn:hash' {
  /** A hash or an HMAC under way. */
  export interface Hasher {
    readonly __hasher: never
  }
  /** Names as Node has them: sha256. */
  export function createHash(name: string): Hasher
  export function createHmac(name: string, key: Uint8Array): Hasher
  export function hashUpdate(hasher: Hasher, bytes: Uint8Array): void
  export function hashDigest(hasher: Hasher): ArrayBuffer
  export function hashCopy(hasher: Hasher): Hasher
  /** Of the same length, in a time that depends on nothing else. */
  export function equal(left: Uint8Array, right: Uint8Array): boolean
}
