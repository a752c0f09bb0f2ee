/** Latency of one function's requests while another function attacks, and before that in quiet. */
import { dirname, join } from 'node:path'
import { alive, descendants, EXECUTABLE, type Service, Workspace } from '../tests/e2e/harness.ts'
import { ATTACKS, type Attack } from './attacks.ts'
import { openConnection, warmUp } from './client.ts'
import { HELLO } from './handlers.ts'
import { median, quantile, timeEach } from './statistics.ts'

/** Concurrent requests of an attacker that does not set `clients`. */
const CLIENTS = 4
/** A worker that runs the native attempt which a bundle names, and loads every other bundle. */
export const EVIL_WORKER = join(dirname(EXECUTABLE), '.build/test/evil-worker')
const NATIVE = ['--worker-quickjs-path', EVIL_WORKER]

export interface NeighbourResults {
  quietP99Ms: number
  attacks: { name: string; p99Ms: number; ratio: number }[]
}

/** Sends `requests` in quiet, then as many beside each attack; medians of `rounds`. */
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

/** p99 of the neighbour's requests. Each attack gets a new service, so that none is left over. */
async function measureBeside(attack: Attack, requests: number) {
  const space = new Workspace()
  try {
    await HELLO.deploy(space)
    await space.deploy('attack', `export default ${attack.handler}`, ...(attack.flags ?? []))
    const copies = Array.from({ length: attack.copies ?? 0 }, (_, i) => `attack-${i}`)
    space.cloneFunction('attack', copies)
    const service = await space.serve(...(attack.native ? NATIVE : []))
    try {
      const connection = await openConnection(service.port)
      await warmUp(connection, '/functions/hello')
      const ask = () => connection.send('/functions/hello')
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
      // Processes that an attack left behind would disturb the next measurement in quiet.
      while (left.some(alive)) await Bun.sleep(10)
    }
  } finally {
    space.remove()
  }
}

/** Runs the attacker's clients in a process of low priority, because their work is not measured. */
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

/** The clients: each calls the functions in turn until the process is killed. */
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
        // Reads as fast as possible.
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
}

if (import.meta.main) {
  const [url = '', clients, bodyBytes, ...names] = process.argv.slice(2)
  await attack(url, Number(clients), Number(bodyBytes), names)
}
