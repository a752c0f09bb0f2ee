/** What a neighbour notices of an attack: the latency of its requests, in quiet and beside each attacker. */
import { type Service, Workspace } from '../tests/e2e/harness.ts'
import { openConnection, warmUp } from './client.ts'
import { HELLO_FUNCTION } from './peers.ts'
import { median, quantile, timeEach } from './statistics.ts'

interface Attack {
  /** The attacker's handler. */
  handler: string
  /** Of its deployment. */
  flags?: string[]
  /** Sent with each of its requests. */
  body?: Uint8Array<ArrayBuffer>
  /** Functions of the same handler that are called in turn. */
  copies?: number
}

/** Requests of the attacker that are under way at any time. */
const ATTACKERS = 4
const PERMISSIVE = ['--profile', 'permissive']
const BODY = new Uint8Array(8 * 2 ** 20)

const ATTACKS: Record<string, Attack> = {
  'a loop without end': { handler: '() => { for (;;); }', flags: ['--cpu', '2s'] },
  'promises without end': {
    handler:
      '() => new Promise(() => { const again = () => Promise.resolve().then(again); again() })',
    flags: ['--cpu', '2s'],
  },
  'memory without end': {
    handler: '() => { const all = []; for (;;) all.push(new Uint8Array(65536).fill(1)) }',
  },
  'log lines without end': {
    handler: "() => { for (;;) console.log('x'.repeat(1000)) }",
    flags: ['--cpu', '2s'],
  },
  'a response without end': {
    handler: `() => new Response(new ReadableStream({
      pull(controller) { controller.enqueue(new Uint8Array(65536)) },
    }))`,
  },
  'large bodies': {
    handler: 'async (req) => new Response(await req.arrayBuffer())',
    body: BODY,
  },
  'fetches that are refused': {
    handler: `async () => {
      for (;;) await Promise.allSettled(Array.from({ length: 50 }, () => fetch('http://127.0.0.1/')))
    }`,
    flags: [...PERMISSIVE, '--cpu', '2s'],
  },
  'programs without end': {
    handler: `async () => {
      const { spawn } = await import('node:child_process')
      for (;;) {
        await new Promise((resolve) => {
          const child = spawn('/bin/sh', ['-c', ':'])
          child.on('close', resolve)
          child.on('error', resolve)
        })
      }
    }`,
    flags: [...PERMISSIVE, '--timeout', '2s'],
  },
  'cold starts': { handler: "() => new Response('x')", copies: 1000 },
}

export interface NeighbourResults {
  quietP99Ms: number
  attacks: { name: string; p99Ms: number; ratio: number }[]
}

/** Each attack beside a stream of `requests`, after as many in quiet; medians of `rounds`. */
export async function measureNeighbours(
  rounds: number,
  requests: number,
): Promise<NeighbourResults> {
  const quiet: number[] = []
  const attacks = []
  for (const [name, attack] of Object.entries(ATTACKS)) {
    const beside: number[] = []
    const ratios: number[] = []
    for (let round = 0; round < rounds; round++) {
      const { quietMs, attackedMs } = await measureBeside(attack, requests)
      quiet.push(quietMs)
      beside.push(attackedMs)
      ratios.push(attackedMs / quietMs)
    }
    attacks.push({ name, p99Ms: median(beside), ratio: median(ratios) })
  }
  return { quietP99Ms: median(quiet), attacks }
}

/** p99 of the neighbour's requests, ms. A service for each, so that no attack is left of the one before. */
async function measureBeside(attack: Attack, requests: number) {
  const space = new Workspace()
  try {
    await space.deploy('hello', HELLO_FUNCTION)
    await space.deploy('attack', `export default ${attack.handler}`, ...(attack.flags ?? []))
    const copies = Array.from({ length: attack.copies ?? 0 }, (_, i) => `attack-${i}`)
    space.cloneFunction('attack', copies)
    const service = await space.serve()
    try {
      const connection = await openConnection(service.port)
      await warmUp(connection, '/functions/hello')
      const ask = () => connection.get('/functions/hello')
      const quietMs = quantile(await timeEach(requests, ask), 0.99)
      const stop = new AbortController()
      const attackers = beginAttack(service, attack, ['attack', ...copies], stop.signal)
      await Bun.sleep(200)
      const attackedMs = quantile(await timeEach(requests, ask), 0.99)
      stop.abort()
      await attackers
      connection.close()
      return { quietMs, attackedMs }
    } finally {
      await service.stop('SIGKILL')
    }
  } finally {
    space.remove()
  }
}

/** Several clients of the attacker, in a process that gets out of the way: theirs is not the work that is measured. */
async function beginAttack(
  service: Service,
  { body }: Attack,
  names: string[],
  signal: AbortSignal,
): Promise<void> {
  const client = Bun.spawn(
    [
      'nice',
      '-n',
      '19',
      process.execPath,
      import.meta.path,
      service.url,
      `${ATTACKERS}`,
      `${body?.length ?? 0}`,
      ...names,
    ],
    { stdio: ['ignore', 'ignore', 'ignore'], signal },
  )
  await client.exited
}

/** The clients: each calls the functions in turn, until its process is ended. */
async function attack(url: string, clients: number, bodyBytes: number, names: string[]) {
  let next = 0
  const body = bodyBytes > 0 ? new Uint8Array(bodyBytes) : null
  const client = async () => {
    for (;;) {
      const name = names[next++ % names.length]
      const method = body === null ? 'GET' : 'POST'
      const response = await fetch(`${url}/functions/${name}`, { method, body }).catch(
        () => undefined,
      )
      for await (const _ of response?.body ?? []) {
        // Read as fast as it comes.
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
}

if (import.meta.main) {
  const [url = '', clients, bodyBytes, ...names] = process.argv.slice(2)
  await attack(url, Number(clients), Number(bodyBytes), names)
}
