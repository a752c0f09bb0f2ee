/** The running service, as commands reach it: by its management socket. */
import type { z } from 'zod'
import { errorOf } from '../admin/problem.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { readServiceFile } from '../service/service-file.ts'

export class ServiceClient {
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  /** Does anybody listen there? */
  async answers(): Promise<boolean> {
    try {
      const socket = await Bun.connect({ unix: this.#socket, socket: { data() {} } })
      socket.end()
      return true
    } catch {
      return false
    }
  }

  /**
   * Asks the service and checks its answer.
   *
   * @throws {FunctionError} what the service answers, or NOT_RUNNING
   */
  async request<T>(schema: z.ZodType<T>, path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.#fetch(path, init)
    const text = await response.text()
    if (!response.ok) {
      const unknown = new FunctionError('INTERNAL', `The service answered ${response.status}.`)
      throw errorOf(text) ?? unknown
    }
    return schema.parse(text === '' ? undefined : JSON.parse(text))
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      // A deployment takes as long as it takes.
      const options = { ...init, unix: this.#socket, timeout: false } as RequestInit
      return await fetch(`http://functions${path}`, options)
    } catch (cause) {
      const message = `The service at ${this.#socket} does not answer.`
      throw new FunctionError('NOT_RUNNING', message, { cause })
    }
  }
}

/** The service on this data directory; undefined when none runs. */
export async function findService(loaded: LoadedConfig): Promise<ServiceClient | undefined> {
  const { dataDir, socket } = loaded.config.server
  const given = loaded.sources.get('server.socket')?.kind !== 'default'
  const path = given ? socket : readServiceFile(dataDir)?.socket
  if (path === undefined) {
    return undefined
  }
  const client = new ServiceClient(path)
  return (await client.answers()) ? client : undefined
}

/** @throws {FunctionError} NOT_RUNNING */
export async function needService(loaded: LoadedConfig): Promise<ServiceClient> {
  const client = await findService(loaded)
  if (client === undefined) {
    throw notRunning(loaded)
  }
  return client
}

export function notRunning({ config }: LoadedConfig): FunctionError {
  return new FunctionError(
    'NOT_RUNNING',
    `No service runs on ${config.server.dataDir}: start one with functions serve.`,
  )
}
