/** A bundle of 30 MB that is mostly one table, as tokenizers have: it fits the strict profile. */
import { afterAll, expect, test } from 'bun:test'
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { usePackages } from './harness.ts'

const { worker } = usePackages()
const folder = mkdtempSync(join(tmpdir(), 'functions-tokenizer-'))
afterAll(() => rmSync(folder, { recursive: true }))

const MB = 2 ** 20
const TOKENS = 200_000

/** As many tokens as o200k has, longer: each of its own text, so that none shares its memory. */
function ranks(): string[] {
  const letters = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i))
  const length = Math.ceil((30 * MB) / TOKENS)
  const long = Array.from({ length: TOKENS - 26 }, (_, i) =>
    `${i}${'_'.repeat(length)}`.slice(0, length),
  )
  return [...letters, ...long]
}

test('a table of 30 MB', async () => {
  writeFileSync(join(folder, 'package.json'), '{}')
  writeFileSync(join(folder, 'ranks.json'), JSON.stringify(ranks()))
  copyFileSync(join(import.meta.dir, 'functions/tokenizer.ts'), join(folder, 'tokenizer.ts'))
  expect(statSync(join(folder, 'ranks.json')).size).toBeGreaterThan(30 * MB)
  const tokenizer = await worker(join(folder, 'tokenizer.ts'))
  expect(await tokenizer.json('/', { method: 'POST', body: 'abcz' })).toEqual({
    entries: TOKENS,
    tokens: [0, 1, 2, 25],
  })
})
