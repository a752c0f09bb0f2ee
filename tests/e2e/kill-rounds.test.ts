import { expect, test } from 'bun:test'
import { killRounds } from './kill-rounds.ts'

const ROUNDS = Number(process.env.FUNCTIONS_TEST_KILL_ROUNDS ?? 5)

test(
  `${ROUNDS} rounds of kill -9 lose no acknowledged change`,
  async () => {
    const summary = await killRounds(ROUNDS, 1)
    expect(summary.rounds).toBe(ROUNDS)
    expect(summary.acknowledged.deploy).toBeGreaterThan(ROUNDS)
  },
  60_000 + ROUNDS * 10_000,
)
