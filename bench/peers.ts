/** The peers: each serves the same hello handler on a free loopback port. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HELLO_BODY } from './handlers.ts'

export interface Peer {
  name: string
  port: number
  stop(): Promise<void>
}

/** Installs the peers from their lock file, unless that has been done. */
export function installPeers(): void {
  const lock = readFileSync(join(import.meta.dir, 'package-lock.json'), 'utf8')
  const stamp = join(import.meta.dir, 'node_modules/.installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) {
    return
  }
  process.stderr.write('installing the peers\n')
  const args = ['npm', 'ci', '--ignore-scripts', '--include=optional', '--no-audit', '--no-fund']
  const installed = Bun.spawnSync(args, { cwd: import.meta.dir, stdout: 'ignore', stderr: 'pipe' })
  if (installed.exitCode !== 0) {
    throw new Error(
      `npm could not install the peers of bench/package-lock.json: ${installed.stderr}`,
    )
  }
  writeFileSync(stamp, lock)
}

const ARCH = process.arch === 'arm64' ? 'arm64' : '64'
const packages = join(import.meta.dir, 'node_modules')
const workerd = join(packages, `@cloudflare/workerd-linux-${ARCH}/bin/workerd`)
const deno = join(packages, `@deno/linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}-glibc/deno`)

export function startBun(): Promise<Peer> {
  const program = (port: number) =>
    `Bun.serve({ port: ${port}, hostname: '127.0.0.1', fetch(req) ${HELLO_BODY} })`
  return startPeer('Bun.serve', (port, dir) => {
    writeFileSync(join(dir, 'serve.ts'), program(port))
    return [process.execPath, join(dir, 'serve.ts')]
  })
}

export function startDeno(): Promise<Peer> {
  const program = `export default { fetch(req: Request) ${HELLO_BODY} }`
  return startPeer('deno serve', (port, dir) => {
    writeFileSync(join(dir, 'serve.ts'), program)
    const flags = ['--no-config', '--host', '127.0.0.1', '--port', String(port)]
    return [deno, 'serve', ...flags, join(dir, 'serve.ts')]
  })
}

export function startWorkerd(): Promise<Peer> {
  return startPeer('workerd', (port, dir) => {
    writeFileSync(join(dir, 'main.js'), `export default { fetch(req) ${HELLO_BODY} }`)
    writeFileSync(join(dir, 'config.capnp'), workerdConfig(port, ''))
    return [workerd, 'serve', join(dir, 'config.capnp')]
  })
}

/** workerd with a loader: `/<id>/<path>` is answered at `/<path>` by a separate isolate, loaded on first use. */
export function startWorkerdLoader(code: string = `export default { fetch(req) ${HELLO_BODY} }`) {
  const dynamic = JSON.stringify(code)
  const program = `export default { fetch(req, env) {
    const url = new URL(req.url)
    const [, id, ...path] = url.pathname.split('/')
    url.pathname = path.join('/')
    const code = { compatibilityDate: '2025-06-01', mainModule: 'main.js', modules: { 'main.js': ${dynamic} } }
    return env.LOADER.get(id, async () => code).getEntrypoint().fetch(new Request(url, req))
  } }`
  return startPeer('workerd, dynamic isolates', (port, dir) => {
    writeFileSync(join(dir, 'main.js'), program)
    const binding = 'bindings = [(name = "LOADER", workerLoader = ())],'
    writeFileSync(join(dir, 'config.capnp'), workerdConfig(port, binding))
    return [workerd, 'serve', '--experimental', join(dir, 'config.capnp')]
  })
}

/** The versions of what the product is measured beside. */
export function peerVersions(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dir, 'package.json'), 'utf8'))
  return { workerd: dependencies.workerd, deno: dependencies.deno, bun: Bun.version }
}

function workerdConfig(port: number, bindings: string): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "main.js", esModule = embed "main.js")],
    ${bindings}
    compatibilityDate = "2025-06-01"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]);
`
}

async function startPeer(
  name: string,
  command: (port: number, dir: string) => string[],
): Promise<Peer> {
  const dir = mkdtempSync(join(tmpdir(), 'functions-bench-'))
  const port = freePort()
  const child = Bun.spawn(command(port, dir), {
    env: { PATH: process.env.PATH ?? '', HOME: dir, DENO_DIR: dir, NO_COLOR: '1' },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  for (let tries = 0; tries < 500; tries++) {
    const ok = await fetch(`http://127.0.0.1:${port}/`).then(
      (response) => response.ok,
      () => false,
    )
    if (ok) {
      const stop = async () => {
        child.kill()
        await child.exited
        rmSync(dir, { recursive: true, force: true })
      }
      return { name, port, stop }
    }
    if (child.exitCode !== null) {
      break
    }
    await Bun.sleep(20)
  }
  child.kill()
  throw new Error(`${name} did not start: ${await new Response(child.stderr).text()}`)
}

function freePort(): number {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = server
  server.stop(true)
  return port
}
