// Bun puts a stand-in of its own behind the bare name `undici`; the file within the package is the library's.
declare module 'undici/lib/dispatcher/client.js' {
  import type { Client } from 'undici'

  const client: typeof Client
  export default client
}
