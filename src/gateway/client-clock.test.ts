import { describe, expect, test } from 'bun:test'
import { ClientClock } from './client-clock.ts'

const LIMITS = { idleMs: 1000, totalMs: 10_000, minRate: 100 }

describe('a client that is waited for', () => {
  test('may be idle for a time, which each byte begins anew', () => {
    const clock = new ClientClock()
    expect(clock.waited(999, LIMITS)).toBeUndefined()
    clock.moved(1000)
    expect(clock.waited(999, LIMITS)).toBeUndefined()
    expect(clock.waited(1, LIMITS)).toContain('server.client_idle_timeout')
  })

  test('must move enough in each period', () => {
    const clock = new ClientClock()
    const trickle = (bytes: number) => {
      let why: string | undefined
      for (let i = 0; i < 10; i++) {
        clock.moved(bytes / 10)
        why ??= clock.waited(100, LIMITS)
      }
      return why
    }
    expect(trickle(100)).toBeUndefined()
    // A fast period does not pay for a slow one.
    expect(trickle(1_000_000)).toBeUndefined()
    expect(trickle(90)).toContain('server.client_min_rate')
    expect(clock.waitedMs).toBe(3000)
  })

  test('has a limit in all, or none', () => {
    const clock = new ClientClock()
    const wait = (limits: typeof LIMITS) => {
      clock.moved(1000)
      return clock.waited(500, limits)
    }
    for (let i = 0; i < 19; i++) expect(wait(LIMITS)).toBeUndefined()
    expect(wait({ ...LIMITS, totalMs: 0, minRate: 0 })).toBeUndefined()
    expect(wait(LIMITS)).toContain('server.client_timeout')
  })
})
