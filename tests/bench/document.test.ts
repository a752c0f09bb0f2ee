/** The published figures are those of docs/benchmarks.json, and come from enough runs. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { framed, RESULTS, SECTIONS, sectionOf, withSection } from '../../bench/document.ts'
import type { Results } from '../../bench/report.ts'

const ROOT = join(import.meta.dir, '../..')
const results: Results = JSON.parse(readFileSync(RESULTS, 'utf8'))

describe('published benchmarks', () => {
  for (const [name, make] of Object.entries(SECTIONS)) {
    test(`${name} agrees with docs/benchmarks.json`, () => {
      const text = readFileSync(join(ROOT, name), 'utf8')
      expect(sectionOf(text)).toBe(framed(make(results)))
    })
  }

  test('come from full runs only', () => {
    expect(results.quick).toBe(false)
  })

  test('a document without markers is refused', () => {
    expect(() => withSection('# No markers', 'text')).toThrow('lacks the markers')
  })
})
