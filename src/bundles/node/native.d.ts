/** What C gives to these modules; see worker-c/worker/natives.c. */
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
