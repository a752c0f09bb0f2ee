import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/**
 * Output goes through src/lib/output.ts: `Bun.write(Bun.stdout, ...)` truncates the file that the
 * descriptor leads to, and the streams of `process` and `console` neither wait nor survive an error.
 */
const OTHER_OUTPUT =
  /\bBun\s*\.\s*(stdout|stderr)\b|\bprocess\s*\.\s*(stdout|stderr)\b|\bconsole\s*\.\s*\w+|\bBun\.file\(\s*[12]\s*\)|\bwrite(Sync)?\(\s*[12]\s*,/

const ROOT = resolve(import.meta.dir, '../..')
const WRITER = 'src/lib/output.ts'

/** Places in a file's code, without its comments, that print by themselves. */
function otherOutput(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (comment) =>
    comment.replace(/[^\n]/g, ' '),
  )
  return code
    .split('\n')
    .flatMap((line, index) => (OTHER_OUTPUT.test(line) ? [`${index + 1}: ${line.trim()}`] : []))
}

test('everything under src prints through the one writer', () => {
  const files = [...new Bun.Glob('src/**/*.ts').scanSync(ROOT)].filter(
    (file) => !file.endsWith('.test.ts') && !file.startsWith('src/testing/') && file !== WRITER,
  )
  expect(files.length).toBeGreaterThan(100)
  const found = files.flatMap((file) =>
    otherOutput(readFileSync(join(ROOT, file), 'utf8')).map((place) => `${file}:${place}`),
  )
  // The output of a child process has the same name.
  expect(found.filter((place) => !/launched\.process\.(stdout|stderr)/.test(place))).toEqual([])
})

test.each([
  'await Bun.write(Bun.stderr, text)',
  'process.stdout.write(text)',
  'console.error(text)',
  'writeSync(2, text)',
  'Bun.file(1).writer()',
])('this test finds %s', (code) => {
  expect(otherOutput(`\n${code}\n`)).toEqual([`2: ${code}`])
  expect(otherOutput(`/* ${code} */ // ${code}`)).toEqual([])
})
