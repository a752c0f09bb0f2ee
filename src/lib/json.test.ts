import { expect, test } from 'bun:test'
import { JsonError, parseJson } from './json.ts'

function placeOf(text: string): string {
  try {
    parseJson(text)
    return 'valid'
  } catch (error) {
    const { line, column, message } = error as JsonError
    return `${line}:${column} ${message}`
  }
}

test.each([
  ['', '1:1 it ends too early'],
  ['nope', "1:1 unexpected 'n'"],
  ['{"a":1,}', "1:8 unexpected '}'"],
  ['{"a" 1}', "1:6 unexpected '1'"],
  ['{\n  "a": 1,\n  b: 2\n}', "3:3 unexpected 'b'"],
  ['{\n  "a": tru\n}', "2:8 unexpected 't'"],
  ["{'a': 1}", "1:2 unexpected '''"],
  ['{"a": 01}', "1:7 unexpected '0'"],
  ['{"a": 1} x', "1:10 unexpected 'x'"],
  ['[1,,2]', "1:4 unexpected ','"],
  ['[1 2]', "1:4 unexpected '2'"],
  ['[1}', "1:3 unexpected '}'"],
  ['[]]', "1:3 unexpected ']'"],
  ['[1,2', '1:5 it ends too early'],
  ['{"a": "open', '1:12 it ends too early'],
  ['{"a": "x\ny"}', '1:9 unexpected character U+000A'],
  ['{"a": "\\x"}', `1:7 unexpected '"'`],
  ['{"a": 1, // why\n"b": 2}', "1:10 unexpected '/'"],
  ['{"a": \u201cb\u201d}', '1:7 unexpected character U+201C'],
  ['\ufeff{\n"a"}', "2:4 unexpected '}'"],
])('%j is no JSON, and where', (text, place) => {
  expect(placeOf(text)).toBe(place)
})

test('a byte order mark is no fault', () => {
  expect(parseJson('\ufeff{"a":[1,{"b":null}],"c":"\ufeff"}')).toEqual({
    a: [1, { b: null }],
    c: '\ufeff',
  })
  expect(() => parseJson('\ufeff\ufeff{}')).toThrow(JsonError)
})

test('a place is found within the text for every cut and every changed character', () => {
  const text = '{"a":[1.5e3,true,null,{"b":"c\\u00e9\\n","d":{}}],\n "e":[]}'
  for (let at = 0; at < text.length; at++) {
    for (const changed of [text.slice(0, at), `${text.slice(0, at)}#${text.slice(at + 1)}`]) {
      let valid = true
      try {
        JSON.parse(changed)
      } catch {
        valid = false
      }
      const [line = 0, column = 0] = placeOf(changed).split(/[: ]/).map(Number)
      expect(placeOf(changed) === 'valid').toBe(valid)
      if (valid) continue
      const lines = changed.split('\n')
      expect(column).toBeWithin(1, (lines[line - 1] as string).length + 2)
    }
  }
})
