/** What a neighbour notices of an attack: the latency of its requests, in quiet and beside each attacker. */
import { join } from 'node:path'
import { alive, descendants, type Service, Workspace } from '../tests/e2e/harness.ts'
import { ATTACKS, type Attack } from './attacks.ts'
import { openConnection, warmUp } from './client.ts'
import { HELLO_FUNCTION } from './peers.ts'
import { median, quantile, timeEach } from './statistics.ts'

/** Of an attacker, unless it says otherwise. */
const CLIENTS = 4
/** The worker that makes attempts in the place of bundles that name one, and loads every other. */
export const EVIL_WORKER = join(import.meta.dir, '../.build/test/evil-worker')
const NATIVE = ['--worker-quickjs-path', EVIL_WORKER]

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
    const service = await space.serve(...(attack.native ? NATIVE : []))
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
      const left = descendants(service.process.pid)
      await service.stop('SIGKILL')
      // What an attack has started would be in the way of the next one's quiet.
      while (left.some(alive)) await Bun.sleep(10)
    }
  } finally {
    space.remove()
  }
}

/** Several clients of the attacker, in a process that gets out of the way: theirs is not the work that is measured. */
async function beginAttack(
  service: Service,
  { body, clients = CLIENTS }: Attack,
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
      `${clients}`,
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
