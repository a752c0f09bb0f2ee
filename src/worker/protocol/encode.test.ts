import { expect, test } from 'bun:test'
import { asciiJson, encodeLine } from './encode.ts'

test('a line is printable ASCII and gives back what went in', () => {
  let text = ''
  for (let unit = 0; unit < 0x10000; unit += unit < 0x300 ? 1 : 97)
    text += String.fromCharCode(unit)
  text += '\ud83d\ude00 \ud800 \udfff \u2028 \x7f'
  const line = encodeLine({ text })
  expect(line.slice(0, -1)).toMatch(/^[\x20-\x7e]*$/)
  expect(line.endsWith('}\n')).toBe(true)
  expect(JSON.parse(line)).toEqual({ text })
})

test('a pair of surrogates becomes two escapes', () => {
  expect(asciiJson('\ud83d\ude00')).toBe('"\\ud83d\\ude00"')
})

test('plain text is left as it is', () => {
  expect(asciiJson({ a: 'b~ ' })).toBe('{"a":"b~ "}')
})
