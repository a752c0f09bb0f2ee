/** Many functions and many requests at once, with deploys and rollbacks going on. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { alive, descendants, type Service, Workspace } from './harness.ts'

const REQUESTS = Number(process.env.FUNCTIONS_TEST_LOAD ?? 100_000)
const CLIENTS = 32
const FUNCTIONS = 20

const space = new Workspace()
let service: Service

beforeAll(async () => {
  await space.deploy('cold', `export default () => new Response('warm')\n`)
  const names = Array.from({ length: 1000 }, (_, i) => `cold-${i}`)
  space.cloneFunction('cold', names)
  for (let i = 0; i < FUNCTIONS; i++) {
    await space.deploy(`load-${i}`, `export default () => new Response('v1')\n`)
  }
  service = await space.serve()
}, 120_000)

afterAll(async () => {
  await service.stop('SIGKILL')
  space.remove()
})

describe('1,000 cold functions called at once', () => {
  test('are each answered', async () => {
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const response = await service.fetch(`/functions/cold-${i}`)
        return `${response.status} ${await response.text()}`
      }),
    )
    expect(answers.filter((answer) => answer !== '200 warm')).toEqual([])
  }, 60_000)
})

describe(`${REQUESTS} requests from ${CLIENTS} clients across ${FUNCTIONS} functions`, () => {
  test('with deploys and rollbacks going on: none fails, no process stays', async () => {
    let sent = 0
    let loading = true
    const failures: string[] = []
    const client = async () => {
      while (sent < REQUESTS) {
        const name = `load-${sent++ % FUNCTIONS}`
        const response = await service.fetch(`/functions/${name}`)
        const text = await response.text()
        if (response.status !== 200 || !/^v\d+$/.test(text)) {
          failures.push(`${name}: ${response.status} ${text}`)
        }
      }
    }
    let changes = 0
    const operator = async () => {
      for (let n = 2; loading; n++) {
        const name = `load-${n % FUNCTIONS}`
        const file = space.source(`${name}.ts`, `export default () => new Response('v${n}')\n`)
        const deployed = await space.command('deploy', name, file)
        expect(deployed.stderr).toBe('')
        expect(deployed.exitCode).toBe(0)
        const rolledBack = await space.command('rollback', name)
        expect(rolledBack.stderr).toBe('')
        expect(rolledBack.exitCode).toBe(0)
        changes += 2
      }
    }
    const operating = operator()
    await Promise.all(Array.from({ length: CLIENTS }, client))
    loading = false
    await operating
    expect(failures.slice(0, 5)).toEqual([])
    expect(changes).toBeGreaterThan(2)

    const below = descendants(service.process.pid)
    expect(await service.stop()).toBe(0)
    expect(below.filter(alive)).toEqual([])
  }, 300_000)
})
