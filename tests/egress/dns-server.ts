/** A DNS server on loopback that answers as a test tells it to, and keeps what it was asked. */
import { createSocket, type Socket } from 'node:dgram'

const A = 1
const CNAME = 5
const AAAA = 28
/** Pointer to the name of the question. */
const SAME_NAME = Buffer.from([0xc0, 12])
const HEADER_BYTES = 12
/** TTL of an answer, s: long enough that a cache would be noticed. */
const TTL_SECONDS = 60

/** Reply codes: RFC 1035, 4.1.1. */
const FAILURES = { servfail: 2, refused: 5 }
const NXDOMAIN = 3
const RECURSIVE_REPLY = 0x8180

/** Answers to the questions for one name, in turn; the last one holds for all that follow. */
export type Zone = Record<string, (string[] | 'silent' | keyof typeof FAILURES)[]>

export class DnsServer {
  readonly questions: string[] = []
  zone: Zone = {}
  /** The answer for a name that the zone has not; none = there is no such name. */
  fallback: string[] | undefined
  /** What answers wait for. */
  held: Promise<void> = Promise.resolve()
  readonly #socket: Socket
  readonly #asked = new Map<string, number>()

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (message, from) => {
      const reply = this.#answer(message)
      if (reply === undefined) return
      void this.held.then(() => socket.send(reply, from.port, from.address))
    })
  }

  static async start(port = 0): Promise<DnsServer> {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve))
    return new DnsServer(socket)
  }

  /** `address:port`, as `egress.resolver` wants it. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  close(): void {
    this.#socket.close()
  }

  #answer(query: Buffer): Buffer | undefined {
    const { name, type, end } = readQuestion(query)
    if (type === A) this.questions.push(name)
    const turns = this.zone[name] ?? (this.fallback === undefined ? undefined : [this.fallback])
    const turn = this.#asked.get(name) ?? 0
    if (type === A) this.#asked.set(name, turn + 1)
    // Both questions of one resolution are of the same turn.
    const current = type === A ? turn : Math.max(0, turn - 1)
    const answer = turns?.[Math.min(current, turns.length - 1)]
    if (answer === 'silent') return undefined
    const question = query.subarray(HEADER_BYTES, end)
    const failure = typeof answer === 'string' ? FAILURES[answer] : 0
    const found = typeof answer === 'string' ? [] : (answer ?? [])
    const records = found.flatMap((value) => record(value, type))
    const header = Buffer.alloc(HEADER_BYTES)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(RECURSIVE_REPLY | (turns === undefined ? NXDOMAIN : failure), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    return Buffer.concat([header, question, ...records])
  }
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase())
    at += 1 + length
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** An address of the asked family, or `CNAME <name>` with the address behind it in the same answer. */
function record(value: string, type: number): Buffer[] {
  if (value.startsWith('CNAME ')) return [resource(CNAME, nameBytes(value.slice(6)))]
  const family = value.includes(':') ? AAAA : A
  return family === type ? [resource(family, addressBytes(value))] : []
}

function resource(type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(TTL_SECONDS, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([SAME_NAME, fixed, data])
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').map((label) => {
    return Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])
  })
  return Buffer.concat([...labels, Buffer.from([0])])
}

function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail = ''] = address.split('::')
  const words = (part: string) => (part === '' ? [] : part.split(':'))
  const left = words(head)
  const right = words(tail)
  const gap = address.includes('::') ? 8 - left.length - right.length : 0
  const all = [...left, ...new Array<string>(gap).fill('0'), ...right]
  const bytes = Buffer.alloc(16)
  for (const [index, word] of all.entries())
    bytes.writeUInt16BE(Number.parseInt(word, 16), index * 2)
  return bytes
}
