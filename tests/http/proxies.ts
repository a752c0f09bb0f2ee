/** Runs nginx, Caddy and HAProxy with the configurations of docs/http.md, with other ports and names. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { ROOT } from '../e2e/harness.ts'
import { selfSigned } from '../egress/certificates.ts'

export const PROXIES = ['nginx', 'Caddy', 'HAProxy'] as const
export type ProxyName = (typeof PROXIES)[number]

const PROGRAMS: Record<ProxyName, string> = { nginx: 'nginx', Caddy: 'caddy', HAProxy: 'haproxy' }

/** Debian keeps some of them in a directory that only root has in its path. */
const PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`

export function installed(name: ProxyName): boolean {
  return Bun.which(PROGRAMS[name], { PATH }) !== null
}

/** The name that the certificate has, and that the configurations serve. */
export const PUBLIC_NAME = 'localhost'

/** The lines of a configuration of the document: the indented block below its heading. */
export function snippet(name: string): string {
  const document = readFileSync(join(ROOT, 'docs/http.md'), 'utf8')
  const section = document.split(`\n### ${name}\n`)[1]?.split('\n#')[0] ?? ''
  const block = /(?:^ {4}.*\n|^\n)+/m.exec(section.replace(/^\n+/, ''))?.[0] ?? ''
  if (block.trim() === '') throw new Error(`docs/http.md has no configuration for ${name}`)
  return block.replace(/^ {4}/gm, '')
}

interface Ports {
  http: number
  https: number
}

/** The document's configuration for this test: each replacement must apply, or the document changed. */
function configuration(name: ProxyName, dir: string, ports: Ports, backend: number): string {
  const replaced = (text: string, pairs: [string, string][]) => {
    for (const [from, to] of pairs) {
      if (!text.includes(from)) throw new Error(`the configuration for ${name} lacks '${from}'`)
      text = text.replaceAll(from, to)
    }
    return text
  }
  const service: [string, string] = ['127.0.0.1:8080', `127.0.0.1:${backend}`]
  const text = snippet(name)
  if (name === 'nginx') {
    const server = replaced(text, [
      service,
      ['listen 443 ssl;', `listen 127.0.0.1:${ports.http}; listen 127.0.0.1:${ports.https} ssl;`],
      ['server_name example.com', `server_name ${PUBLIC_NAME}`],
      ['/etc/ssl/example.com.pem', join(dir, 'cert.pem')],
      ['/etc/ssl/example.com.key', join(dir, 'key.pem')],
    ])
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    const temporary = paths.map((path) => `${path}_temp_path ${join(dir, path)};`).join('\n')
    return `daemon off; pid ${join(dir, 'pid')}; error_log stderr; worker_processes 1;
      events {} http { access_log off; ${temporary}\n${server}\n}`
  }
  if (name === 'Caddy') {
    const site = (address: string) =>
      replaced(text, [service, ['example.com {', `${address} {\n bind 127.0.0.1\n`]])
    const tls = `tls ${join(dir, 'cert.pem')} ${join(dir, 'key.pem')}\n`
    const secure = site(`https://:${ports.https}`).replace('bind 127.0.0.1\n', `$&${tls}`)
    return `{\n admin off\n}\n${secure}\n${site(`http://:${ports.http}`)}`
  }
  const certificate = `ssl crt ${join(dir, 'both.pem')}`
  return replaced(text, [
    service,
    [
      'bind :443 ssl crt /etc/haproxy/example.com.pem',
      `bind 127.0.0.1:${ports.http}\n    bind 127.0.0.1:${ports.https} ${certificate}`,
    ],
  ])
}

function command(name: ProxyName, file: string, dir: string): string[] {
  if (name === 'nginx') return ['nginx', '-e', 'stderr', '-p', dir, '-c', file]
  if (name === 'Caddy') return ['caddy', 'run', '--config', file, '--adapter', 'caddyfile']
  return ['haproxy', '-db', '-f', file]
}

/** One running proxy in front of a service. */
export class ReverseProxy {
  readonly name: ProxyName
  readonly port: number
  readonly tlsPort: number
  readonly #dir: string
  readonly #process: Bun.Subprocess

  private constructor(name: ProxyName, ports: Ports, dir: string, process: Bun.Subprocess) {
    this.name = name
    this.port = ports.http
    this.tlsPort = ports.https
    this.#dir = dir
    this.#process = process
  }

  /** @param backend port of the service on 127.0.0.1 */
  static async start(name: ProxyName, backend: number): Promise<ReverseProxy> {
    const dir = mkdtempSync(join(tmpdir(), 'functions-proxy-'))
    const ports = { http: await freePort(), https: await freePort() }
    const { key, cert } = await selfSigned([PUBLIC_NAME])
    writeFileSync(join(dir, 'cert.pem'), cert)
    writeFileSync(join(dir, 'key.pem'), key)
    writeFileSync(join(dir, 'both.pem'), `${cert}\n${key}\n`)
    const file = join(dir, 'configuration')
    mkdirSync(join(dir, 'logs'))
    writeFileSync(file, configuration(name, dir, ports, backend))
    const child = Bun.spawn(command(name, file, dir), {
      env: { PATH, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
      stdin: 'ignore',
      stdout: Bun.file(join(dir, 'output')),
      stderr: Bun.file(join(dir, 'errors')),
    })
    const proxy = new ReverseProxy(name, ports, dir, child)
    const answers = eventually(`${name} answers for the service`, async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended: ${proxy.errors}`)
      return await fetch(`http://127.0.0.1:${ports.http}/health`).then(
        (response) => response.ok,
        () => false,
      )
    })
    return await answers.then(
      () => proxy,
      async (error) => {
        await proxy.stop()
        throw error
      },
    )
  }

  get errors(): string {
    return readFileSync(join(this.#dir, 'errors'), 'utf8')
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    await this.#process.exited
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
