import { runCli } from './cli/cli.ts'
import { removeProxyVariables } from './lib/proxy-variables.ts'

// Requests must go to this service and to checked addresses, never through a proxy.
removeProxyVariables(process.env)

// Only the operator may read databases and bundles, even if the data directory is open to others.
process.umask(0o077)

const status = await runCli(process.argv.slice(2), {
  env: process.env,
  stdout: (text) => Bun.write(Bun.stdout, text),
  stderr: (text) => Bun.write(Bun.stderr, text),
})
process.exit(status)
