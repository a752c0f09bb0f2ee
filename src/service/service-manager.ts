/**
 * Reports the state of the service to its manager, which is systemd for the unit: the protocol of
 * sd_notify(3). Without `NOTIFY_SOCKET` in the environment nothing is sent.
 */
import { sendDatagram } from '../lib/datagram.ts'
import { CLOEXEC, libc, monotonicUsec } from '../lib/libc.ts'

/** How long the manager may take to confirm that it has read all reports, ms. */
const BARRIER_MS = 5_000

type Environment = Readonly<Record<string, string | undefined>>

export class ServiceManager {
  readonly #socket: string | undefined
  readonly #watchdogMs: number | undefined
  readonly #warn: (message: string) => void
  #timer: ReturnType<typeof setInterval> | undefined
  #warned = false

  /** @param warn is called once if the manager cannot be reached */
  constructor(environment: Environment, warn: (message: string) => void) {
    this.#socket = environment.NOTIFY_SOCKET || undefined
    this.#watchdogMs = watchdogMs(environment)
    this.#warn = warn
  }

  /** Somebody listens to the reports. */
  get present(): boolean {
    return this.#socket !== undefined
  }

  /** The service accepts requests: after the start, and again after each `reloading`. */
  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status}`)
    this.#feedWatchdog()
  }

  /** The settings are being read again. `ready` must follow. */
  reloading(): void {
    if (!this.present) return
    this.#send(() => `RELOADING=1\nMONOTONIC_USEC=${monotonicUsec()}`)
  }

  stopping(status: string): void {
    this.#send(`STOPPING=1\nSTATUS=${status}`)
  }

  /**
   * Names the process that the service continues in. Only the main process may do that, so the manager must have
   * read it before this process ends: this waits until it has.
   */
  continuesIn(pid: number): void {
    clearInterval(this.#timer)
    this.#send(`MAINPID=${pid}`)
    this.#barrier()
  }

  /** No report follows. */
  close(): void {
    clearInterval(this.#timer)
  }

  /** The timer runs on the thread that serves requests: when that hangs, the manager restarts the service. */
  #feedWatchdog(): void {
    if (this.#watchdogMs === undefined || this.#timer !== undefined) return
    this.#timer = setInterval(() => this.#send('WATCHDOG=1', true), this.#watchdogMs)
  }

  #send(report: string | (() => string), noWait = false): void {
    const to = this.#socket
    if (to === undefined) return
    try {
      const text = typeof report === 'string' ? report : report()
      if (sendDatagram({ to, text, noWait })) return
      this.#failed(`the socket ${to} (NOTIFY_SOCKET) does not take the report`)
    } catch (error) {
      this.#failed((error as Error).message)
    }
  }

  #failed(why: string): void {
    if (this.#warned) return
    this.#warned = true
    this.#warn(`the state of the service could not be reported to the service manager: ${why}`)
  }

  /** Passes one end of a pipe. The manager closes it when it has read every report before this one. */
  #barrier(): void {
    const to = this.#socket
    if (to === undefined) return
    const c = libc()
    const ends = new Int32Array(2)
    if (c.pipe2(ends, CLOEXEC) < 0) return
    const [read = -1, write = -1] = ends
    sendDatagram({ to, text: 'BARRIER=1', fd: write })
    c.close(write)
    // struct pollfd. A hang-up is reported without being asked for.
    c.poll(new Int32Array([read, 0]), 1n, BARRIER_MS)
    c.close(read)
  }
}

/** Half of the time after which the manager restarts a silent service, as sd_watchdog_enabled(3) recommends. */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: Environment): number | undefined {
  const usec = Number(WATCHDOG_USEC ?? '')
  if (!Number.isInteger(usec) || usec <= 0) return undefined
  if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid) return undefined
  return Math.max(1, Math.floor(usec / 2000))
}
