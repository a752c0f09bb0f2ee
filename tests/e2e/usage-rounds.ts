/**
 * Rounds of kill -9 while clients call functions of several projects. After each round, for every function: answers that
 * a client had more than a second before the kill <= counted invocations <= requests that were sent.
 *
 *     node_modules/.bin/bun tests/e2e/usage-rounds.ts 50 [seed]
 */
import { join } from 'node:path'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { seeded } from '../../src/testing/prng.ts'
import { type Service, Workspace } from './harness.ts'

const CLIENTS = 8
/** A round ends at a random moment between these, ms. */
const SHORTEST_MS = 200
const LONGEST_MS = 2_500
/** What may be lost, ms. */
const LOST_MS = 1_000

interface Called {
  project: string
  name: string
  sent: number
  /** When each answer arrived, ms. Those of the rounds before are only counted. */
  answeredAt: number[]
  safe: number
}

/** @returns how many requests were sent, answered in time, and counted @throws {Error} that says what does not add up */
export async function usageRounds(rounds: number, seed: number) {
  const draw = seeded(seed)
  const space = new Workspace()
  const functions: Called[] = ['default', 'shop', 'blog'].map((project) => {
    return { project, name: 'api', sent: 0, answeredAt: [], safe: 0 }
  })
  try {
    await space.deploy('api', "export default () => new Response('ok')")
    for (const project of ['shop', 'blog']) {
      await space.command('project', 'create', project)
      await space.deploy('api', "export default () => new Response('ok')", '--project', project)
    }
    let counted: number[] = []
    for (let round = 0; round < rounds; round++) {
      const service = await space.serve()
      const killAt = performance.now() + SHORTEST_MS + draw(LONGEST_MS - SHORTEST_MS)
      const clients = Array.from({ length: CLIENTS }, (_, n) => {
        return client(service, functions[n % functions.length] as Called)
      })
      await Bun.sleep(Math.max(0, killAt - performance.now()))
      const killedAt = performance.now()
      await service.stop('SIGKILL')
      await Promise.all(clients)
      counted = functions.map((called) => settle(space, called, killedAt, `round ${round}`))
    }
    const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0)
    return {
      sent: total(functions.map(({ sent }) => sent)),
      safe: total(functions.map(({ safe }) => safe)),
      counted: total(counted),
    }
  } finally {
    space.remove()
  }
}

/** Calls a function until the service is gone. */
async function client(service: Service, called: Called): Promise<void> {
  const path = `/projects/${called.project}/functions/${called.name}`
  for (;;) {
    called.sent++
    try {
      const response = await service.fetch(path)
      if ((await response.text()) !== 'ok') throw new Error(`answered ${response.status}`)
      called.answeredAt.push(performance.now())
    } catch {
      return
    }
  }
}

/** Compares what was counted with what the clients know. */
function settle(space: Workspace, called: Called, killedAt: number, where: string): number {
  called.safe += called.answeredAt.filter((at) => at < killedAt - LOST_MS).length
  called.answeredAt = []
  const db = openTestDatabase(join(space.dataDir, 'metrics.db'))
  const sql =
    'SELECT coalesce(sum(invocations), 0) AS n FROM usage WHERE project = ? AND function = ?'
  const { n } = db.query(sql).get(called.project, called.name) as { n: number }
  db.close()
  if (called.safe <= n && n <= called.sent) return n
  const { project, safe, sent } = called
  throw new Error(`${where}, ${project}: ${safe} answered in time, ${n} counted, ${sent} sent`)
}

if (import.meta.main) {
  const [rounds = '50', seed = '1'] = Bun.argv.slice(2)
  const result = await usageRounds(Number(rounds), Number(seed))
  console.log(`${rounds} rounds: ${JSON.stringify(result)}`)
}
