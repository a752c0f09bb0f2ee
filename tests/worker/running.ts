/** One invocation as a test sees it: sends the request as credit allows, and collects the response. */
import type { HeaderList } from '../../src/worker/worker.ts'
import type { Message } from './frames.ts'
import type { TestWorker } from './test-worker.ts'

const MAX_CHUNK = 65_536
const CREDIT = 262_144

export interface InvokeOptions {
  method?: string
  url?: string
  headers?: HeaderList
  body?: string | Uint8Array
  /** More of the body is sent later, with `write` and `end`. */
  open?: boolean
  deadlineMs?: number
  cpuMs?: number
  /** Give no credit: the response's body stops after 256 KiB. */
  withholdCredit?: boolean
}

export interface InvokeResult {
  status: number | undefined
  headers: HeaderList
  body: Uint8Array
  text: string
  logs: { level: string; message: string }[]
  error: { code: string; message: string; stack?: string } | undefined
  /** The response is complete. */
  ended: boolean
  cpuUs: number
  messages: Message[]
}

export class Running {
  readonly id: number
  readonly result: Promise<InvokeResult>
  readonly messages: Message[] = []
  received = 0
  readonly #worker: TestWorker
  readonly #options: InvokeOptions
  readonly #chunks: Uint8Array[] = []
  readonly #settled = Promise.withResolvers<InvokeResult>()
  readonly #queue: Uint8Array[] = []
  #credit = CREDIT
  #open: boolean
  #endSent = false
  #watchers: (() => void)[] = []
  #gone = false

  constructor(worker: TestWorker, id: number, options: InvokeOptions) {
    this.id = id
    this.#worker = worker
    this.#options = options
    this.#open = options.open ?? false
    this.result = this.#settled.promise
    // A test that only looks at messages does not have to wait for the result.
    this.result.catch(() => undefined)
  }

  start(): void {
    const {
      method = 'GET',
      url = 'http://localhost/',
      headers = [],
      body,
      deadlineMs = 10_000,
      cpuMs = 5_000,
    } = this.#options
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    const inline = bytes !== undefined && bytes.length > 0 && bytes.length <= MAX_CHUNK
    const end = !this.#open && (bytes === undefined || inline || bytes.length === 0)
    const message = {
      type: 'invoke',
      id: this.id,
      method,
      url,
      headers,
      deadline_ms: deadlineMs,
      cpu_ms: cpuMs,
    }
    this.#endSent = end
    if (inline) {
      this.#credit -= bytes.length
      this.#worker.send({ ...message, bytes: bytes.length, end }, bytes)
    } else {
      this.#worker.send({ ...message, end })
      if (bytes !== undefined && bytes.length > 0) this.write(bytes)
    }
  }

  /** How many bytes of the request body wait for credit. */
  get unsent(): number {
    return this.#queue.reduce((sum, bytes) => sum + bytes.length, 0)
  }

  write(bytes: Uint8Array): void {
    this.#queue.push(bytes)
    this.#pump()
  }

  end(): void {
    this.#open = false
    this.#pump()
  }

  cancel(reason = 'client'): void {
    this.#worker.send({ type: 'cancel', id: this.id, reason })
  }

  disconnect(reason = 'client'): void {
    this.#queue.length = 0
    this.#endSent = true
    this.#worker.send({ type: 'disconnect', id: this.id, reason })
  }

  credit(bytes: number): void {
    this.#worker.send({ type: 'credit', id: this.id, bytes })
  }

  #pump(): void {
    while (this.#credit > 0) {
      const first = this.#queue[0]
      if (first === undefined) break
      const chunk = first.subarray(0, Math.min(first.length, this.#credit, MAX_CHUNK))
      this.#worker.send({ type: 'chunk', id: this.id, bytes: chunk.length }, chunk)
      this.#credit -= chunk.length
      if (chunk.length === first.length) this.#queue.shift()
      else this.#queue[0] = first.subarray(chunk.length)
    }
    if (!this.#open && this.#queue.length === 0 && !this.#endSent) {
      this.#endSent = true
      this.#worker.send({ type: 'end', id: this.id })
    }
  }

  take(message: Message, bytes: Uint8Array): void {
    if (this.#gone && message.type === 'log') return // of what it left behind
    if (this.#gone) throw new Error(`after its done: ${JSON.stringify(message)}`)
    this.messages.push(message)
    switch (message.type) {
      case 'response':
      case 'chunk':
        this.#chunks.push(bytes)
        this.received += bytes.length
        if (bytes.length > 0 && message.end !== true && this.#options.withholdCredit !== true)
          this.credit(bytes.length)
        break
      case 'credit':
        this.#credit += message.bytes as number
        if (this.#credit > CREDIT) throw new Error('more credit than was spent')
        this.#pump()
        break
      case 'cancel':
        this.#queue.length = 0
        this.#endSent = true
        break
      case 'done':
        this.#gone = true
        this.#settled.resolve(this.#collect())
    }
    for (const look of this.#watchers.splice(0)) look()
  }

  closed(): void {
    this.#gone = true
    this.#settled.reject(new Error('the worker is gone'))
    for (const look of this.#watchers.splice(0)) look()
  }

  /** Waits for a message of this invocation. */
  async find(check: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(check)
      if (found !== undefined) return found
      if (this.#gone) throw new Error(`it ended with ${JSON.stringify(this.messages)}`)
      await new Promise<void>((resolve) => this.#watchers.push(resolve))
    }
  }

  #collect(): InvokeResult {
    const of = (type: string) => this.messages.filter((message) => message.type === type)
    const response = of('response')[0]
    const error = of('error')[0]
    const body = new Uint8Array(Buffer.concat(this.#chunks))
    return {
      status: response?.status as number | undefined,
      headers: (response?.headers ?? []) as HeaderList,
      body,
      text: new TextDecoder().decode(body),
      logs: of('log').map(({ level, message }) => ({
        level: level as string,
        message: message as string,
      })),
      error: error as InvokeResult['error'],
      ended: response?.end === true || of('end').length === 1,
      cpuUs: of('done')[0]?.cpu_us as number,
      messages: this.messages,
    }
  }
}
