import { describe, expect, test } from 'bun:test'
import { stackMapper } from './source-map.ts'

const STACK = 'Error: x\n    at f (bundle.js:1:1)'

/** Maps the first position to the first of `source`. */
function mapOf(source: string, padding = 0): Uint8Array {
  const map = { version: 3, sources: [source], names: [], mappings: 'AAAA', x: ' '.repeat(padding) }
  return new TextEncoder().encode(JSON.stringify(map))
}

describe('a map', () => {
  test('is read once, when it is needed', () => {
    let reads = 0
    const mapStack = stackMapper(() => {
      reads++
      return mapOf('a.ts')
    })
    expect(mapStack('Error: nothing of the bundle')).toBe('Error: nothing of the bundle')
    expect(reads).toBe(0)
    expect(mapStack(STACK)).toBe('Error: x\n    at f (a.ts:1:1)')
    expect(mapStack(STACK)).toContain('a.ts')
    expect(reads).toBe(1)
  })

  test('that is broken, missing or too large leaves the stack as it is', () => {
    const broken = [
      '{',
      'null',
      '[]',
      '{"version":3}',
      '{"version":3,"sources":[1],"mappings":";;!"}',
    ]
    for (const text of broken) {
      expect(stackMapper(() => new TextEncoder().encode(text))(STACK)).toBe(STACK)
    }
    const missing = stackMapper(() => {
      throw new Error('ENOENT')
    })
    expect(missing(STACK)).toBe(STACK)
    expect(stackMapper(() => mapOf('a.ts', 9 * 2 ** 20))(STACK)).toBe(STACK)
  })

  test('that was not used for long is read again', () => {
    let reads = 0
    const first = stackMapper(() => {
      reads++
      return mapOf('first.ts', 7 * 2 ** 20)
    })
    first(STACK)
    for (let i = 0; i < 5; i++) {
      stackMapper(() => mapOf('other.ts', 7 * 2 ** 20))(STACK)
    }
    expect(first(STACK)).toContain('first.ts')
    expect(reads).toBe(2)
  })
})
