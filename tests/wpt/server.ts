/** The server of the checkout (`wpt serve`) on loopback, for the tests that need one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Egress } from '../../src/egress/egress.ts'
import { DnsServer } from '../egress/dns-server.ts'
import { WPT_ROOT } from './checkout.ts'
import { type Host, hostOf } from './host.ts'

const START_MS = 120_000

/** A server, and the broker that connects to it by the names that the tests use. */
export interface WptServer {
  host: Host
  egress: Egress
  close(): void
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  return ports
}

/** Plain HTTP only: the certificates have expired, and no test here uses HTTP/2 or WebSocket. */
function configOf(ports: number[]): object {
  const none = ['http-local', 'http-public', 'https', 'https-local', 'https-public', 'ws', 'wss']
  const off = [...none, 'h2', 'webtransport-h3', 'dns'].map((name) => [name, []])
  return {
    server_host: '127.0.0.1',
    check_subdomains: false,
    ports: { http: ports, ...Object.fromEntries(off) },
    ssl: { type: 'none' },
  }
}

async function whenUp(port: number, exited: () => boolean): Promise<void> {
  const end = performance.now() + START_MS
  while (!exited() && performance.now() < end) {
    const up = await fetch(`http://127.0.0.1:${port}/resources/testharness.js`).catch(
      () => undefined,
    )
    if (up?.ok) return
    await Bun.sleep(250)
  }
  throw new Error('wpt serve did not start')
}

export async function startServer(): Promise<WptServer> {
  const ports = await freePorts(2)
  const dir = mkdtempSync(join(tmpdir(), 'functions-wpt-'))
  const config = join(dir, 'config.json')
  writeFileSync(config, JSON.stringify(configOf(ports)))
  // In its own process group: it starts a process for each port.
  const child = Bun.spawn(['setsid', 'python3', 'wpt', 'serve', '--no-h2', '--config', config], {
    cwd: WPT_ROOT as string,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
  let gone = false
  void child.exited.then(() => {
    gone = true
  })
  const dns = await DnsServer.start()
  dns.fallback = ['127.0.0.1']
  const egress = new Egress({
    ...{ resolver: dns.address, allowPrivate: ports.map((port) => `127.0.0.1:${port}`) },
    maxSubrequests: 100_000,
    maxOpen: 1000,
    maxBodyBytes: 0,
    maxHeaderBytes: 64 * 1024,
    connectTimeoutMs: 10_000,
    headTimeoutMs: 60_000,
    bodyTimeoutMs: 60_000,
  })
  const close = () => {
    egress.close()
    dns.close()
    if (!gone) process.kill(-child.pid, 'SIGTERM')
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await whenUp(ports[0] as number, () => gone)
  } catch (error) {
    close()
    throw error
  }
  return { host: hostOf(ports as [number, number], true), egress, close }
}
