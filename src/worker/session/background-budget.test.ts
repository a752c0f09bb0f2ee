/** The host's copy of the bucket for background work. */
import { expect, test } from 'bun:test'
import { BackgroundBudget } from './background-budget.ts'

test('gives the burst once, and then the share of a core', () => {
  const budget = new BackgroundBudget(5000, 10, 0)
  for (let i = 0; i < 6; i++) expect(budget.take(1000, 0)).toBe(true)
  expect(budget.take(1000, 0)).toBe(false)
  expect(budget.take(1000, 5000)).toBe(false)
  expect(budget.take(1000, 10_000)).toBe(true)
  expect(budget.take(1000, 10_000)).toBe(false)
})

test('holds no more than the burst, however long nothing was used', () => {
  const budget = new BackgroundBudget(2000, 50, 0)
  expect(budget.take(4000, 1e9)).toBe(false)
  expect(budget.take(3000, 1e9)).toBe(true)
  expect(budget.take(1, 1e9)).toBe(false)
})

test('a report of more than there is takes nothing', () => {
  const budget = new BackgroundBudget(1000, 10, 0)
  expect(budget.take(Number.MAX_SAFE_INTEGER, 0)).toBe(false)
  expect(budget.take(1000, 0)).toBe(true)
})
