import { expect, test } from 'bun:test'
import type { VersionAge } from '../metadata/records.ts'
import { expired, rollbacksKept } from './retention.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-06-30T00:00:00Z')

/** Versions by name and age in days, newest first. */
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
  inUse: string[],
  policy: { keep?: number; olderThanDays?: number },
): string[] {
  const { keep = 0, olderThanDays = 0 } = policy
  const given = { keep, olderThanMs: olderThanDays * DAY }
  return expired(rows, new Set(inUse), given, NOW).map(({ version }) => version)
}

const FIVE = versions(['v5', 1], ['v4', 2], ['v3', 3], ['v2', 40], ['v1', 50])

test('without a policy every version is kept', () => {
  expect(deleted(FIVE, ['v5'], {})).toEqual([])
})

test('a number keeps the newest and those in use; the oldest go first', () => {
  expect(deleted(FIVE, ['v5'], { keep: 2 })).toEqual(['v1', 'v2', 'v3'])
  expect(deleted(FIVE, ['v1', 'v3'], { keep: 1 })).toEqual(['v2', 'v4'])
  expect(deleted(FIVE, ['v5'], { keep: 5 })).toEqual([])
})

test('an age deletes only what is older; with a number both must agree', () => {
  expect(deleted(FIVE, ['v5'], { olderThanDays: 30 })).toEqual(['v1', 'v2'])
  expect(deleted(FIVE, ['v2'], { olderThanDays: 30 })).toEqual(['v1'])
  expect(deleted(FIVE, ['v5'], { olderThanDays: 30, keep: 4 })).toEqual(['v1'])
})

test('the highest number is kept, so that no name is used a second time', () => {
  const named = versions(['hotfix', 1], ['v2', 2], ['v10', 40], ['v1', 50])
  expect(deleted(named, ['hotfix'], { keep: 1 })).toEqual(['v1', 'v2'])
})

test('one rollback always stays possible', () => {
  expect(rollbacksKept({ keep: 0, olderThanMs: DAY })).toBe(1)
  expect(rollbacksKept({ keep: 7, olderThanMs: 0 })).toBe(7)
})
