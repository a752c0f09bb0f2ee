import { expect, test } from 'bun:test'
import type { VersionAge } from '../metadata/records.ts'
import { expired, rollbacksKept } from './retention.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-06-30T00:00:00Z')

/** Versions by name and age in days. */
function versions(...ages: [version: string, days: number][]): VersionAge[] {
  return ages.map(([version, days]) => ({
    id: version,
    version,
    bundlePath: `bundles/func-a/${version}/bundle.js`,
    size: 1,
    createdAt: new Date(NOW - days * DAY).toISOString(),
  }))
}

function deleted(
  rows: VersionAge[],
  kept: string[],
  policy: { keep?: number; olderThanDays?: number },
): string[] {
  const { keep = 0, olderThanDays = 0 } = policy
  const given = { keep, olderThanMs: olderThanDays * DAY }
  const keeping = { ids: new Set(kept), highest: 'v10' }
  return expired(rows, keeping, given, NOW).map(({ version }) => version)
}

const FIVE = versions(['v1', 50], ['v2', 40], ['v3', 3], ['v4', 2], ['v10', 1])

test('without a policy every version is kept', () => {
  expect(deleted(FIVE, [], {})).toEqual([])
})

test('what is in use or among the newest is kept, and so is the highest number', () => {
  expect(deleted(FIVE, ['v4'], { keep: 1 })).toEqual(['v1', 'v2', 'v3'])
  expect(deleted(FIVE, [], { keep: 1 })).toEqual(['v1', 'v2', 'v3', 'v4'])
})

test('an age deletes only what is older', () => {
  expect(deleted(FIVE, [], { olderThanDays: 30 })).toEqual(['v1', 'v2'])
  expect(deleted(FIVE, ['v2'], { olderThanDays: 30, keep: 1 })).toEqual(['v1'])
})

test('one rollback always stays possible', () => {
  expect(rollbacksKept({ keep: 0, olderThanMs: DAY })).toBe(1)
  expect(rollbacksKept({ keep: 7, olderThanMs: 0 })).toBe(7)
})
