/** The client of a running service's management API, for the commands. */
import { accessSync, constants } from 'node:fs'
import { z } from 'zod'
import { errorOf } from '../admin/problem.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { isListening } from '../lib/socket-probe.ts'
import { readServiceFile } from '../service/service-file.ts'
import { type Remote, remoteSend } from './remote.ts'

/** Sends a request of the API, by its path. */
export type Send = (path: string, init: RequestInit) => Promise<Response>

export class ApiClient {
  /** Sends a request and returns the response as it is. */
  readonly open: (path: string, init?: RequestInit) => Promise<Response>
  readonly #where: string

  /** @param where what the errors call the other side, such as 'The service at /run/functions.sock' */
  constructor(send: Send, where: string) {
    this.open = (path, init = {}) => send(path, init)
    this.#where = where
  }

  /**
   * Sends a request and validates its response.
   *
   * @throws {FunctionError} the error that the service returns, or NOT_RUNNING
   */
  async request<T>(schema: z.ZodType<T>, path: string, init: RequestInit = {}): Promise<T> {
    return await this.#read(schema, await this.open(path, init))
  }

  /** As `request`, with a JSON document as the body. */
  async send<T>(schema: z.ZodType<T>, method: string, path: string, body: unknown): Promise<T> {
    const headers = { 'content-type': 'application/json' }
    return await this.request(schema, path, { method, headers, body: JSON.stringify(body) })
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

  /** @throws {FunctionError} the error that a response reports */
  async bytes(path: string): Promise<Uint8Array> {
    const response = await this.open(path)
    if (response.ok) return await response.bytes()
    throw this.#errorOf(await response.text(), response.status)
  }

  async #read<T>(schema: z.ZodType<T>, response: Response): Promise<T> {
    const text = await response.text()
    if (!response.ok) throw this.#errorOf(text, response.status)
    return schema.parse(text === '' ? undefined : JSON.parse(text))
  }

  #errorOf(text: string, status: number): FunctionError {
    const message = `${this.#where} responded with HTTP status ${status} and no error document: check that the service and this command are of the same release.`
    return errorOf(text) ?? new FunctionError('INTERNAL', message)
  }
}

/** A client of the service behind a socket. */
function socketClient(socket: string): ApiClient {
  const where = `The service at ${socket}`
  const send: Send = async (path, init) => {
    try {
      // A deployment may take minutes: no timeout.
      const options = { ...init, unix: socket, timeout: false, keepalive: false } as RequestInit
      return await fetch(`http://functions${path}`, options)
    } catch (cause) {
      const message = `${where} closed the connection before it responded: check its log.`
      throw new FunctionError('NOT_RUNNING', message, { cause })
    }
  }
  return new ApiClient(send, where)
}

/** The settings of a command, and the service on another machine that it is for. */
export interface Target extends LoadedConfig {
  remote?: Remote | undefined
}

/** The service on another machine, or the one that runs on the data directory, or undefined. */
export async function findService(loaded: Target): Promise<ApiClient | undefined> {
  const { remote } = loaded
  if (remote !== undefined) return new ApiClient(remoteSend(remote), `The service at ${remote.url}`)
  const path = socketOf(loaded)
  return (await isListening(path)) ? socketClient(path) : undefined
}

function socketOf({ config, sources }: LoadedConfig): string {
  const { dataDir, socket } = config.server
  const given = sources.get('server.socket')?.kind !== 'default'
  // A service that started on a full disk has no service.json; its socket is at the default path.
  return given ? socket : (readServiceFile(dataDir)?.socket ?? socket)
}

/** @throws {FunctionError} NOT_RUNNING; STORAGE_UNUSABLE if this user may not connect */
export async function needService(loaded: Target): Promise<ApiClient> {
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
