import { expect, test } from 'bun:test'
import { TestClock } from '../testing/fake-worker.ts'
import { Ticker } from './ticker.ts'

test('a ticker that is emptied and filled again during a tick keeps one timer', () => {
  const clock = new TestClock()
  const ticker = new Ticker(10, clock)
  let ticks = 0
  const next = {
    tick: () => {
      ticks++
      return true
    },
  }
  const first = {
    tick: () => {
      ticker.delete(first)
      ticker.add(next)
      return false
    },
  }
  ticker.add(first)
  clock.advance(10)
  expect(clock.pending).toBe(1)
  ticks = 0
  clock.advance(50)
  expect(ticks).toBe(5)
})
