/** A service with the management API over TCP and TLS, and requests to it. */
import { chmodSync } from 'node:fs'
import { Authority } from '../egress/certificates.ts'
import { type CommandResult, run, type Service, Workspace } from './harness.ts'

export interface Answer {
  status: number
  headers: Headers
  text: string
}

export class Managed {
  readonly space = new Workspace()
  readonly authority: Authority
  service!: Service
  /** `https://localhost:<port>`. */
  url = ''

  private constructor(authority: Authority) {
    this.authority = authority
  }

  static async start(...flags: string[]): Promise<Managed> {
    const managed = new Managed(await Authority.make())
    managed.space.source('ca.pem', managed.authority.cert)
    await managed.issue()
    managed.service = await managed.space.serve(
      '--admin-listen',
      '127.0.0.1:0',
      '--admin-tls-cert',
      `${managed.space.dir}/cert.pem`,
      '--admin-tls-key',
      `${managed.space.dir}/key.pem`,
      ...flags,
    )
    const [, port] = /"management API","url":"https:\/\/127\.0\.0\.1:(\d+)"/.exec(
      managed.service.log,
    ) ?? [undefined, '0']
    managed.url = `https://localhost:${port}`
    return managed
  }

  /** Writes a new certificate with its key. */
  async issue(): Promise<void> {
    const { cert, key } = await this.authority.issue({ names: ['localhost', '127.0.0.1'] })
    this.space.source('cert.pem', cert)
    chmodSync(this.space.source('key.pem', key), 0o600)
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** The text of a new token. */
  async token(name: string, role: string, scope: string, ...flags: string[]): Promise<string> {
    const given = ['--role', role, '--scope', scope, '--json', ...flags]
    const { stdout, stderr } = await this.space.command('token', 'create', name, ...given)
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout).token
  }

  /** A request over TCP. */
  async ask(token: string | undefined, path: string, init: RequestInit = {}): Promise<Answer> {
    const headers = new Headers(init.headers)
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
    const response = await fetch(`${this.url}${path}`, {
      ...init,
      headers,
      keepalive: false,
      redirect: 'manual',
      tls: { ca: this.authority.cert },
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  /** A command of someone on another machine: without the data directory. */
  remote(token: string | undefined, args: string[], env: Record<string, string> = {}) {
    return this.elsewhere(args, {
      FUNCTIONS_URL: this.url,
      ...(token !== undefined && { FUNCTIONS_TOKEN: token }),
      ...env,
    })
  }

  elsewhere(args: string[], env: Record<string, string>): Promise<CommandResult> {
    const extra = { NODE_EXTRA_CA_CERTS: `${this.space.dir}/ca.pem`, HOME: this.space.dir }
    return run(args, { cwd: this.space.dir, env: { ...extra, ...env } })
  }

  async remove(): Promise<void> {
    await this.service?.stop()
    this.space.remove()
  }
}
