/** The client of a running service's management API, for the commands. */
import { accessSync, constants } from 'node:fs'
import { z } from 'zod'
import { errorOf } from '../admin/problem.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { isListening } from '../lib/socket-probe.ts'
import { readServiceFile } from '../service/service-file.ts'

export class ServiceClient {
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  /**
   * Sends a request to the service and validates its response.
   *
   * @throws {FunctionError} the error that the service returns, or NOT_RUNNING
   */
  async request<T>(schema: z.ZodType<T>, path: string, init: RequestInit = {}): Promise<T> {
    return await this.#read(schema, await this.open(path, init))
  }

  /**
   * All rows of a list, page by page.
   *
   * @throws {FunctionError} as `request`
   */
  async pages<T>(schema: z.ZodType<T>, path: string): Promise<T[]> {
    const rows: T[] = []
    for (let next: string | undefined = path; next !== undefined; ) {
      const response: Response = await this.open(next)
      for (const row of await this.#read(z.array(schema), response)) rows.push(row)
      next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1]
    }
    return rows
  }

  async #read<T>(schema: z.ZodType<T>, response: Response): Promise<T> {
    const text = await response.text()
    if (!response.ok) {
      const message = `The service at ${this.#socket} responded with HTTP status ${response.status} and no error document: check that the service and this command are of the same release.`
      throw errorOf(text) ?? new FunctionError('INTERNAL', message)
    }
    return schema.parse(text === '' ? undefined : JSON.parse(text))
  }

  /** Sends a request to the service and returns the response as it is. */
  async open(path: string, init: RequestInit = {}): Promise<Response> {
    try {
      // A deployment may take minutes: no timeout.
      const options = {
        ...init,
        unix: this.#socket,
        timeout: false,
        keepalive: false,
      } as RequestInit
      return await fetch(`http://functions${path}`, options)
    } catch (cause) {
      const message = `The service at ${this.#socket} closed the connection before it responded: check its log.`
      throw new FunctionError('NOT_RUNNING', message, { cause })
    }
  }
}

/** The service that runs on the data directory, or undefined. */
export async function findService(loaded: LoadedConfig): Promise<ServiceClient | undefined> {
  const path = socketOf(loaded)
  return (await isListening(path)) ? new ServiceClient(path) : undefined
}

function socketOf({ config, sources }: LoadedConfig): string {
  const { dataDir, socket } = config.server
  const given = sources.get('server.socket')?.kind !== 'default'
  // A service that started on a full disk has no service.json; its socket is at the default path.
  return given ? socket : (readServiceFile(dataDir)?.socket ?? socket)
}

/** @throws {FunctionError} NOT_RUNNING; STORAGE_UNUSABLE if this user may not connect */
export async function needService(loaded: LoadedConfig): Promise<ServiceClient> {
  const client = await findService(loaded)
  if (client === undefined) {
    throw notRunning(loaded)
  }
  return client
}

export function notRunning(loaded: LoadedConfig): FunctionError {
  const { config } = loaded
  const path = socketOf(loaded)
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EACCES') {
      const message = `This user may not use the socket ${path} (permission denied): run the command as the user that owns the data directory ${config.server.dataDir}.`
      return new FunctionError('STORAGE_UNUSABLE', message, { cause })
    }
  }
  return new FunctionError(
    'NOT_RUNNING',
    `No service is running on the data directory ${config.server.dataDir}: start one with 'functions serve', or set --data-dir or --socket.`,
  )
}
