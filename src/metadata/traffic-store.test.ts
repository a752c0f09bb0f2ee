import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addFunctions } from '../testing/data-dir-fixture.ts'
import { MetadataStore } from './store.ts'
import type { Split } from './traffic-store.ts'

let dir: string
let store: MetadataStore
const ID = 'func-f'

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-traffic-'))
  addFunctions(dir, ['f', 'g'], 4)
  store = MetadataStore.open(dir)
})

afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true })
})

function splitOf(weights: Record<string, number>, stickyHeader?: string): Split {
  const versions = Object.entries(weights).map(([name, weight]) => {
    const version = store.findVersion(ID, name)
    if (version === undefined) throw new Error(name)
    return { version, weight }
  })
  return { versions, stickyHeader }
}
const set = (weights: Record<string, number>, header?: string) =>
  store.deployTraffic(ID, splitOf(weights, header))
const weights = (split = store.traffic.active(ID)) =>
  split &&
  Object.fromEntries(split.versions.map(({ version, weight }) => [version.version, weight]))
const rollback = (version?: string) => store.rollback(store.rollbackTarget('f', version))
const activeName = () => store.show('f').version

describe('a split', () => {
  test('is what a function resolves to, with the heaviest version as the active one', () => {
    store.readAhead()
    set({ v1: 10, v3: 90 }, 'x-user')
    expect(activeName()).toBe('v3')
    const resolution = store.resolve('f')
    if (resolution.found !== 'version') throw new Error(resolution.found)
    expect(resolution.version.version).toBe('v3')
    expect(resolution.split?.stickyHeader).toBe('x-user')
    const resolved = resolution.split?.versions.map(({ version, weight }) => {
      return [version.functionName, version.version, weight]
    })
    expect(resolved).toEqual([
      ['f', 'v1', 10],
      ['f', 'v3', 90],
    ])
    expect(store.resolve('g')).toMatchObject({ split: undefined })
    store.readAhead()
    expect(store.resolve('f')).toMatchObject({ split: { stickyHeader: 'x-user' } })
  })

  test('of one version is a deployment like any other', () => {
    set({ v2: 100 })
    expect([activeName(), weights()]).toEqual(['v2', undefined])
  })

  test('is ended by another version', () => {
    set({ v1: 50, v2: 50 })
    rollback('v1')
    expect([activeName(), weights()]).toEqual(['v1', undefined])
  })

  test('keeps its weights and header when the variables change', () => {
    set({ v1: 50, v2: 50 }, 'x-user')
    const next = store.env.next(ID, 0, { set: { A: '1' } })
    if (next === undefined) throw new Error('no revision')
    store.deployEnv(next)
    expect(weights()).toEqual({ v1: 50, v2: 50 })
    expect(store.traffic.active(ID)?.stickyHeader).toBe('x-user')
    expect(store.resolve('f')).toMatchObject({
      split: { versions: [{ version: { env: { A: '1' } } }, { version: { env: { A: '1' } } }] },
    })
    rollback()
    expect(store.resolve('f')).toMatchObject({
      split: { versions: [{ version: { env: {} } }, { version: { env: {} } }] },
    })
  })
})

describe('a rollback', () => {
  test('returns to the set of weights before, then to what was before that', () => {
    set({ v3: 90, v4: 10 })
    set({ v3: 50, v4: 50 }, 'x-user')
    set({ v4: 100 })
    rollback()
    expect([activeName(), weights()]).toEqual(['v3', { v3: 50, v4: 50 }])
    expect(store.traffic.active(ID)?.stickyHeader).toBe('x-user')
    rollback()
    expect([activeName(), weights()]).toEqual(['v3', { v3: 90, v4: 10 }])
    rollback()
    expect([activeName(), weights()]).toEqual(['v4', undefined])
  })

  test('to a version gives it all requests, whatever splits it was in', () => {
    set({ v3: 90, v4: 10 })
    rollback('v3')
    expect([activeName(), weights()]).toEqual(['v3', undefined])
    set({ v3: 90, v2: 10 })
    expect(store.isActive(store.rollbackTarget('f', 'v3'))).toBe(false)
    rollback('v3')
    expect(weights()).toBeUndefined()
  })
})

describe('retention', () => {
  const idOf = (name: string) => store.findVersion(ID, name)?.id as string
  const all = () => ['v1', 'v2', 'v3', 'v4'].map(idOf)

  test('keeps what has weight and what the next rollback returns to', () => {
    set({ v1: 1, v2: 99 })
    set({ v3: 60, v4: 40 })
    expect(store.removeVersions(ID, all(), 1)).toEqual(new Set())
    rollback()
    expect(weights()).toEqual({ v1: 1, v2: 99 })
  })

  test('deletes a deployment that would lose one of its versions', () => {
    set({ v1: 50, v3: 50 })
    set({ v3: 100 })
    set({ v4: 100 })
    const old = [idOf('v1'), idOf('v2')]
    expect(store.removeVersions(ID, old, 1)).toEqual(new Set(old))
    rollback()
    expect([activeName(), weights()]).toEqual(['v3', undefined])
    rollback()
    expect([activeName(), weights()]).toEqual(['v4', undefined])
  })
})
