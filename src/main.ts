import './cli/early-signals.ts'
import { runCli } from './cli/cli.ts'
import { SECRET_KEY_VARIABLE } from './config/keys.ts'
import { stderr, stdout } from './lib/output.ts'
import { removeProxyVariables } from './lib/proxy-variables.ts'
import { withTimeout } from './lib/with-timeout.ts'

/** A service that ends waits this long (ms) for its last log lines to be read. */
const LOG_GRACE_MS = 1_000

// Requests must go to this service and to checked addresses, never through a proxy.
removeProxyVariables(process.env)

// Only the operator may read databases and bundles, even if the data directory is open to others.
process.umask(0o077)

// No other process that this one starts gets the key for secrets.
const env = { ...process.env }
delete process.env[SECRET_KEY_VARIABLE]

const status = await runCli(process.argv.slice(2), {
  env,
  stdout: (text) => stdout.write(text),
  // What cannot be said on standard error changes nothing about the command.
  stderr: (text) => stderr.write(text).catch(() => {}),
})
await withTimeout(LOG_GRACE_MS, Promise.all([stdout.flushed(), stderr.flushed()]))
process.exit(status)
