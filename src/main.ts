import { runCli } from './cli/cli.ts'

// `fetch` obeys them. Our requests go to our own service, and never by way of another machine.
for (const name of Object.keys(process.env)) {
  if (/^(?:https?|all|no)_proxy$/i.test(name)) {
    delete process.env[name]
  }
}

// Databases and bundles are the operator's alone, also where the data directory lets others in.
process.umask(0o077)

const status = await runCli(process.argv.slice(2), {
  env: process.env,
  stdout: (text) => Bun.write(Bun.stdout, text),
  stderr: (text) => Bun.write(Bun.stderr, text),
})
process.exit(status)
