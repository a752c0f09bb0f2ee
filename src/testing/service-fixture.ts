/** Test fixture: a real service on a temporary data directory, with functions that skip the bundler. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { namedProfile } from '../capabilities/profiles.ts'
import type { Runtime } from '../capabilities/runtime.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { FunctionConfig } from '../metadata/records.ts'
import { MetadataStore } from '../metadata/store.ts'
import { Service } from '../service/service.ts'
import { ServiceLog } from '../telemetry/service-log.ts'

interface TestFunction {
  version?: string
  runtime?: Runtime
  config?: Partial<FunctionConfig>
}

/** A service on a temporary data directory. */
export class TestService {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'functions-service-'))
  readonly lines: string[] = []
  /** By key of the command line: `{ 'max-body': '1MB' }`. */
  readonly flags: Record<string, string>
  #service: Service | undefined

  constructor(flags: Record<string, string> = {}) {
    this.flags = { 'data-dir': this.dataDir, port: '0', ...flags }
  }

  get config(): Config {
    return loadConfig({ flags: this.flags, env: {} }).config
  }

  get service(): Service {
    if (this.#service === undefined) throw new Error('the service is not started')
    return this.#service
  }

  get url(): string {
    return this.service.url
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** Records a version of a function whose bundle is `source`, an ES module, and makes it active. */
  deploy(name: string, source: string, options: TestFunction = {}): void {
    const { version = 'v1', runtime = 'quickjs-ng', config = {} } = options
    const store = this.#service?.store ?? MetadataStore.open(this.dataDir)
    const path = join('bundles', `func-${name}`, version, 'bundle.js')
    const file = join(this.dataDir, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, source)
    const record = {
      project: 'default',
      name,
      version,
      runtime,
      handler: 'default',
      engine: 'test',
      capabilities: namedProfile('strict', 'default'),
      config: { profile: 'strict', exposeErrors: false, ...config },
      bundle: {
        path,
        sha256: new Bun.CryptoHasher('sha256').update(source).digest('hex'),
        size: Buffer.byteLength(source),
      },
    }
    store.addVersion(record)
    if (this.#service === undefined) store.close()
  }

  async start(): Promise<this> {
    const log = new ServiceLog((line) => this.lines.push(line))
    this.#service = await Service.start(this.config, { log })
    return this
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.url}${path}`, init)
  }

  /** The text of /metrics, which the management socket has. */
  async metrics(): Promise<string> {
    const unix = join(this.dataDir, 'functions.sock')
    return await (await fetch('http://functions/metrics', { unix })).text()
  }

  /**
   * Sends raw bytes. Resolves with everything received until the peer closes or `waitMs` has
   * passed.
   */
  raw(bytes: string | Uint8Array, waitMs = 300): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = ''
      const socket = connect(this.port, '127.0.0.1', () => socket.write(bytes))
      const end = () => {
        socket.destroy()
        resolve(text)
      }
      const timer = setTimeout(end, waitMs)
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
      })
      socket.on('error', (error) => {
        clearTimeout(timer)
        if (text === '') reject(error)
        else resolve(text)
      })
      socket.on('close', () => {
        clearTimeout(timer)
        end()
      })
    })
  }

  async stop(): Promise<void> {
    await this.#service?.stop()
    this.#service = undefined
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}
