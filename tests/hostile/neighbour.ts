/** A function of another tenant, which gets one request after the other during an attack, and must answer each. */
import { expect } from 'bun:test'
import type { Worker } from '../../src/worker/worker.ts'
import { call, type FactoryFixture, openFactory, start, until } from '../conformance/harness.ts'

const ECHO = `export default (req) => new Response(new URL(req.url).search)`
/** The least number of answers. With fewer, the neighbour did not run beside the attacker. */
const ENOUGH = 100

export class Neighbour {
  sent = 0
  answered = 0
  readonly failures: string[] = []
  readonly #fixture: FactoryFixture
  #stopping = false
  #asking: Promise<void> = Promise.resolve()

  private constructor(fixture: FactoryFixture) {
    this.#fixture = fixture
  }

  static async start(): Promise<Neighbour> {
    const fixture = openFactory()
    const neighbour = new Neighbour(fixture)
    const { worker } = await start(fixture.factory, 'quickjs-ng', ECHO)
    neighbour.#asking = neighbour.#ask(worker)
    return neighbour
  }

  async #ask(worker: Worker): Promise<void> {
    while (!this.#stopping) {
      const query = `?${this.sent++}`
      const answer = await call(worker, { url: `http://probe.test/${query}` })
      if (answer.body.toString() === query) this.answered++
      else this.failures.push(`${query}: ${answer.status} ${answer.error?.code} ${answer.body}`)
      await Bun.sleep(1)
    }
  }

  /** Stops sending requests, and expects that each one was answered and none failed. */
  async expectAllAnswered(): Promise<void> {
    await until('its answers', () => this.answered + this.failures.length > ENOUGH)
    this.#stopping = true
    await this.#asking
    expect(this.failures).toEqual([])
    expect(this.answered).toBe(this.sent)
    expect(this.answered).toBeGreaterThan(ENOUGH)
  }

  async close(): Promise<void> {
    this.#stopping = true
    await this.#asking
    await this.#fixture.close()
  }
}
