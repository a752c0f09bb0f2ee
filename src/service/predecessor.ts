/** The service that this process takes over from, as this process sees it. */
import { closeSync, realpathSync, writeFileSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import { SUCCESSOR_VARIABLE } from '../config/keys.ts'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import { boundTo, listens } from '../lib/descriptors.ts'
import { closeOnExec } from '../lib/libc.ts'
import { RELEASE } from '../release.ts'
import {
  CHANNEL_FD,
  HandOverPeer,
  LISTENER_FD,
  MANAGEMENT_FD,
  messageLine,
  PeerGone,
} from './hand-over-peer.ts'

export class Predecessor {
  /** The public listening socket. */
  readonly listenerFd = LISTENER_FD
  /** Where the executable is installed. */
  readonly installed: string
  /** The socket of the management API over TCP; undefined if it listens elsewhere from now on, or not at all. */
  readonly managementFd: number | undefined
  readonly #peer: HandOverPeer

  private constructor(peer: HandOverPeer, installed: string, managementFd: number | undefined) {
    this.#peer = peer
    this.installed = installed
    this.managementFd = managementFd
  }

  /**
   * Undefined if this process was not started by a service to take over from it.
   *
   * @throws {FunctionError} CONFIG_INVALID if none did; CONFLICT if the settings name another address or data directory than the service's
   */
  static async meet(config: Config): Promise<Predecessor | undefined> {
    if (!isSuccessor()) return undefined
    // Bun workers and launchers get a clean environment; this is for programs that a library might start.
    delete process.env[SUCCESSOR_VARIABLE]
    if (!listens(LISTENER_FD) || boundTo(CHANNEL_FD) === undefined) {
      throw new FunctionError(
        'CONFIG_INVALID',
        `${SUCCESSOR_VARIABLE} is set, but no service started this process to take over from it: unset the variable.`,
      )
    }
    closeOnExec(LISTENER_FD)
    closeOnExec(CHANNEL_FD)
    const peer = await HandOverPeer.connect(CHANNEL_FD)
    const { host, port, dataDir, installed, adminListen } = await peer.receive('begin')
    const { server } = config
    if (server.host !== host) throw changed('server.host', host, server.host)
    if (server.port !== 0 && server.port !== port) throw changed('server.port', port, server.port)
    const own = realpathSync(server.dataDir)
    if (own !== dataDir) throw changed('server.data_dir', dataDir, own)
    // The name that tools show is the executable's, which has another one during an upgrade.
    writeFileSync('/proc/self/comm', basename(installed))
    const fd = managementSocket(adminListen, config.admin.listen)
    return new Predecessor(peer, installed, fd)
  }

  /**
   * Everything is ready that needs no lock. Resolves when the service has released it.
   *
   * @throws {FunctionError} SHUTTING_DOWN if the service ended: another one may hold its data directory by now
   */
  async prepared(): Promise<void> {
    this.#peer.send({ type: 'prepared' })
    try {
      await this.#peer.receive('take')
    } catch (cause) {
      const message = 'The service that this process should take over from has ended.'
      throw new FunctionError('SHUTTING_DOWN', message, { cause })
    }
  }

  /** This process accepts connections. Resolves when the service accepts none any more. */
  async adopted(): Promise<void> {
    this.#peer.send({ type: 'adopted' })
    await orGone(this.#peer.receive('alone'))
  }

  /** This process is the service. Resolves when the service manager knows. */
  async ready(): Promise<void> {
    this.#peer.send({ type: 'ready', release: RELEASE })
    await orGone(this.#peer.receive('main'))
    this.#peer.close()
  }
}

/** The socket that the service passed on, if it is still the one to listen on; otherwise it is closed. */
function managementSocket(before: string | undefined, now: string | undefined): number | undefined {
  if (before === undefined || !listens(MANAGEMENT_FD)) return undefined
  closeOnExec(MANAGEMENT_FD)
  if (before === now) return MANAGEMENT_FD
  closeSync(MANAGEMENT_FD)
  return undefined
}

export function isSuccessor(): boolean {
  return process.env[SUCCESSOR_VARIABLE] !== undefined
}

/** Tells the service why this process ends, if it was to take over from one. It may have no event loop any more. */
export function reportToPredecessor(error: unknown): void {
  if (!reportable) return
  reportable = false
  if (boundTo(CHANNEL_FD) === undefined) return
  try {
    writeSync(CHANNEL_FD, messageLine({ type: 'failed', message: (error as Error).message }))
  } catch {
    // The service has ended.
  }
}

/** Read once, before `meet` removes the variable. */
let reportable = isSuccessor()

/** After `take` the service is no longer needed: this process goes on without it. */
async function orGone(message: Promise<unknown>): Promise<void> {
  try {
    await message
  } catch (error) {
    if (!(error instanceof PeerGone)) throw error
  }
}

function changed(key: string, before: string | number, now: string | number): FunctionError {
  return new FunctionError(
    'CONFLICT',
    `${key} was ${before} when the service started and is ${now} now. A restart without a gap keeps the address and the data directory: stop the service and start it again.`,
  )
}
