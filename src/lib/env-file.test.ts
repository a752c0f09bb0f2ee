import { expect, test } from 'bun:test'
import type { FunctionError } from '../errors.ts'
import { parseEnvFile } from './env-file.ts'

const read = (text: string) =>
  Object.fromEntries(parseEnvFile(text, '.env').map(({ name, value }) => [name, value]))

test('the forms of dotenv', () => {
  const text = String.raw`
# a comment
PLAIN=text
 SPACES  =  two words  # a comment
export EXPORTED=yes
EMPTY=
EMPTY_QUOTED=""
SINGLE='a # b \n c'
DOUBLE="a # b \n c" # comment
BACK=${'`'}it's "both"${'`'}
HASH=a#b
EQUALS=a=b==
JSON={"foo": "bar"}
INNER=it's
  INDENTED=1`
  expect(read(text)).toEqual({
    PLAIN: 'text',
    SPACES: 'two words',
    EXPORTED: 'yes',
    EMPTY: '',
    EMPTY_QUOTED: '',
    SINGLE: 'a # b \\n c',
    DOUBLE: 'a # b \n c',
    BACK: 'it\'s "both"',
    HASH: 'a',
    EQUALS: 'a=b==',
    JSON: '{"foo": "bar"}',
    INNER: "it's",
    INDENTED: '1',
  })
})

test('values of several lines, in any quotes, and the lines of their names', () => {
  const text = 'A=1\r\nKEY="-----BEGIN\r\nabc\r\n-----END"\r\nB=\'x\ny\'\r\nC=3\r\n'
  expect(parseEnvFile(text, '.env')).toEqual([
    { name: 'A', value: '1', line: 1 },
    { name: 'KEY', value: '-----BEGIN\nabc\n-----END', line: 2 },
    { name: 'B', value: 'x\ny', line: 5 },
    { name: 'C', value: '3', line: 7 },
  ])
})

test('a file with a byte order mark, without an end, or without anything', () => {
  expect(read('\uFEFFA=1')).toEqual({ A: '1' })
  expect(read('')).toEqual({})
  expect(read('\n\n  \n# only a comment')).toEqual({})
  expect(read('A=1\nA=2')).toEqual({ A: '2' })
})

test('what is not an assignment is refused with its line', () => {
  const refused: [string, string][] = [
    ['A=1\nwrong\n', '.env:2: this is not a comment and not NAME=value.'],
    ['=1', '.env:1: this is not'],
    ['A B=1', '.env:1: this is not'],
    ["A='x\nB=2\n", ".env:1: the value of A begins with ', and no ' ends it."],
    ['\nA="x" y\n', '.env:2: the value of A goes on behind its closing ".'],
  ]
  for (const [text, message] of refused) {
    try {
      parseEnvFile(text, '.env')
      expect.unreachable()
    } catch (error) {
      expect((error as FunctionError).message).toStartWith(message)
      expect((error as FunctionError).position?.line).toBe(Number(message.split(':')[1]))
    }
  }
})

test('a large file takes a time that grows with its size', () => {
  const line = `A="${'\\" '.repeat(100)}"\n`
  expect(parseEnvFile(line.repeat(5000), '.env')).toHaveLength(5000)
  expect(() => parseEnvFile(`${' '.repeat(200_000)}x`, '.env')).toThrow('.env:1')
  expect(() => parseEnvFile(`A${' '.repeat(200_000)}x`, '.env')).toThrow('.env:1')
})
