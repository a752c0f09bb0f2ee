// Bun replaces the bare import `undici` with its own version; a file inside the package is the library's.
declare module 'undici/lib/dispatcher/client.js' {
  import type { Client } from 'undici'

  const client: typeof Client
  export default client
}

declare module 'undici/lib/core/symbols.js' {
  /** The key of a socket's parser. */
  export const kParser: unique symbol
}
