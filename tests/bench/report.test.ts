/** The tables of the bench. */
import { describe, expect, test } from 'bun:test'
import { BUDGETS, isMet } from '../../bench/budgets.ts'
import { budgetTable, compareTable, figureTable, type Results } from '../../bench/report.ts'

const resultsOf = (...runs: Record<string, number>[]): Results => ({
  date: '2026-01-02T03:04:05.000Z',
  machine: 'a machine',
  kernel: '6.1',
  peers: {},
  quick: false,
  runs,
  partSeconds: {},
})

describe('report', () => {
  test('a figure is shown with median, extremes and quartiles', () => {
    const runs = [1, 2, 3, 4, 5].map((value) => ({ 'cold.hello.quickjs.p50Ms': value }))
    expect(figureTable(resultsOf(...runs), 'cold.')).toContain(
      '| hello, quickjs-ng, p50 | 3.00 ms | 1.00 ms to 5.00 ms | 2.00 ms to 4.00 ms |',
    )
  })

  test('a budget says in how many runs it was met', () => {
    const runs = [5, 5, 7].map((value) => ({
      'cold.hello.quickjs.p50Ms': value,
      'cold.floor.p50Ms': 1,
    }))
    expect(budgetTable(resultsOf(...runs))[2]).toEndWith('| at most 6.00x | in 2 of 3 runs |')
  })

  test('a budget whose figures were not measured is left out', () => {
    expect(budgetTable(resultsOf({ 'controlPlane.readyMs': 100 }))).toHaveLength(3)
  })

  test('a budget with a floor is met above it', () => {
    const floor = BUDGETS.find((budget) => budget.floor)
    expect(floor && isMet(floor, 1.5)).toBe(true)
    expect(floor && isMet(floor, 1.4)).toBe(false)
  })

  test('a comparison shows both sides and their quotient', () => {
    const before = resultsOf({ 'latency.quickjs.p50Ms': 2 })
    const after = resultsOf({ 'latency.quickjs.p50Ms': 1 })
    expect(compareTable(before, after)[2]).toBe(
      '| latency.quickjs.p50 | 2.00 ms (2.00 ms to 2.00 ms) | 1.00 ms (1.00 ms to 1.00 ms) | 0.50x |',
    )
  })
})
