/** What a service meets beside its steady load: deploys, crashes, slow clients, clients that leave. */
import { createConnection, type Socket } from 'node:net'
import type { Service } from '../tests/e2e/harness.ts'
import { BIG_BYTES, bun, changing, quickjs } from './soak-functions.ts'

const SECOND = 1000

interface Client {
  socket: Socket
  bytes: number
  open: boolean
}

export class Trouble {
  readonly counts: Record<string, number> = {}
  readonly #service: Service
  readonly #signal: AbortSignal

  constructor(service: Service, signal: AbortSignal) {
    this.#service = service
    this.#signal = signal
  }

  /** Resolves when the signal has aborted and everything has ended. */
  async run(): Promise<void> {
    const loops: [everyMs: number, name: string, act: (turn: number) => Promise<unknown>][] = [
      [20 * SECOND, 'deploys', (turn) => this.#deploy(turn + 1)],
      [35 * SECOND, 'rollbacks', () => this.#command('rollback', 'changing')],
      [50 * SECOND, 'deploys of a new function, called and deleted', (turn) => this.#passing(turn)],
      [8 * SECOND, 'workers killed', () => this.#kill()],
      [6 * SECOND, 'calls that use up their CPU', () => this.#call('spin')],
      [10 * SECOND, 'calls that use up their memory', () => this.#call('hoard')],
      [9 * SECOND, 'calls that exit', () => this.#call('exit')],
      [4 * SECOND, 'calls of a function that changes', () => this.#call('changing')],
      ...[0, 1, 2, 3].map((i): (typeof loops)[number] => {
        return [SECOND, 'slow readers', (turn) => this.#slowReader((turn + i) % 3 === 0)]
      }),
      ...[0, 1].map((i): (typeof loops)[number] => {
        return [SECOND, 'slow uploads', (turn) => this.#slowUpload((turn + i) % 3 === 0)]
      }),
      ...[0, 1, 2, 3, 4, 5].map((i): (typeof loops)[number] => {
        const name = i === 5 ? 'events-bun' : 'events'
        return [SECOND, 'event streams', (turn) => this.#events(name, (turn + i) % 2 === 0)]
      }),
    ]
    await Promise.all(loops.map(([everyMs, name, act]) => this.#loop(everyMs, name, act)))
  }

  async #loop(everyMs: number, name: string, act: (turn: number) => Promise<unknown>) {
    for (let turn = 0; !this.#signal.aborted; turn++) {
      // Different for each loop, so that they do not all start at once.
      await this.#sleep(turn === 0 ? everyMs * Math.random() : everyMs)
      if (this.#signal.aborted) return
      try {
        await act(turn)
        this.#count(name)
      } catch (error) {
        this.#count(
          `${name}, failed: ${String((error as Error).message)
            .trim()
            .slice(0, 120)}`,
        )
      }
    }
  }

  #count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }

  async #sleep(ms: number): Promise<void> {
    const end = performance.now() + ms
    while (!this.#signal.aborted && performance.now() < end) {
      await Bun.sleep(Math.min(100, end - performance.now()))
    }
  }

  async #deploy(version: number): Promise<void> {
    await this.#service.workspace.deploy(
      'changing',
      changing(version),
      ...(version % 4 === 0 ? bun : quickjs),
    )
  }

  async #passing(turn: number): Promise<void> {
    const name = `passing-${turn}`
    await this.#service.workspace.deploy(name, changing(turn), '--runtime', 'quickjs-ng')
    await this.#call(name)
    await this.#command('delete', name)
  }

  async #command(...args: string[]): Promise<void> {
    const { exitCode, stderr } = await this.#service.workspace.command(...args)
    if (exitCode !== 0) throw new Error(stderr)
  }

  async #kill(): Promise<void> {
    const workers = (await this.#service.workers()).filter(({ pid }) => pid !== null)
    const chosen = workers[Math.floor(Math.random() * workers.length)]
    if (chosen !== undefined) process.kill(chosen.pid, 'SIGKILL')
  }

  async #call(name: string): Promise<void> {
    await (await this.#service.fetch(`/functions/${name}`)).arrayBuffer()
  }

  /** Reads 64 KiB ten times a second; leaves in the middle if `leaves`. */
  async #slowReader(leaves: boolean): Promise<void> {
    const client = this.#connect('GET /functions/big')
    const { socket } = client
    socket.on('data', () => {
      socket.pause()
      setTimeout(() => socket.resume(), 100)
    })
    await this.#until(client, () => leaves && client.bytes > BIG_BYTES / 4)
  }

  async #slowUpload(leaves: boolean): Promise<void> {
    const client = this.#connect('POST /functions/count', 'content-length: 200000\r\n')
    let parts = 0
    await this.#until(client, () => {
      if (parts < 20) client.socket.write(Buffer.alloc(10_000))
      parts++
      return leaves && parts === 10
    })
  }

  async #events(name: string, leaves: boolean): Promise<void> {
    const client = this.#connect(`GET /functions/${name}`)
    await this.#until(client, () => leaves && client.bytes > 500)
  }

  #connect(request: string, headers = ''): Client {
    const socket = createConnection({ host: '127.0.0.1', port: this.#service.port })
    const client: Client = { socket, bytes: 0, open: true }
    socket.on('close', () => {
      client.open = false
    })
    // A reset ends it like a close; `close` follows.
    socket.on('error', () => {})
    socket.on('data', (data) => {
      client.bytes += data.length
    })
    socket.write(`${request} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${headers}\r\n`)
    return client
  }

  /** Looks ten times a second whether the client should leave, until the server closes. */
  async #until(client: Client, leave: () => boolean): Promise<void> {
    while (client.open && !this.#signal.aborted && !leave()) await Bun.sleep(100)
    client.socket.destroy()
  }
}
