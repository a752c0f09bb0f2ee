/** What a worker's environment consists of. */

/** Where the egress broker fills in a secret that its function never has. */
export interface Injection {
  /** What the function has in place of the secret. */
  placeholder: string
  /** As `hostKey` writes them. */
  hosts: readonly string[]
}

export interface SecretVariable {
  name: string
  value: string
  /** Undefined: the function has the value. */
  injection: Injection | undefined
}

export interface Environment {
  /** What the function gets as `env`. */
  env: Readonly<Record<string, string>>
  /** Those of its variables that are secrets. */
  secrets: readonly SecretVariable[]
}

export const NO_VARIABLES: Environment = Object.freeze({
  env: Object.freeze({}),
  secrets: Object.freeze([]),
})
