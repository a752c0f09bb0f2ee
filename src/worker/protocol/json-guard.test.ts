/** Lines that are refused before they are parsed, and that no message is. */
import { expect, test } from 'bun:test'
import { couldBeMessage } from './json-guard.ts'

const N = 50_000
const header = (i: number) => [`x-${i}`, 'a "quoted", [bracketed] {value} \\']

test.each([
  [
    'the longest response',
    {
      type: 'response',
      id: 1,
      status: 200,
      headers: Array.from({ length: 1999 }, (_, i) => header(i)),
      end: true,
    },
  ],
  ['a log of brackets', { type: 'log', level: 'info', message: '[{"'.repeat(N) }],
  ['a log that ends in backslashes', { type: 'log', level: 'info', message: '\\'.repeat(N) }],
  ['an error', { type: 'error', code: 'HANDLER_ERROR', message: 'x', stack: 'at a\n'.repeat(N) }],
])('%s may be one', (_, message) => {
  expect(couldBeMessage(JSON.stringify(message))).toBe(true)
})

test.each([
  ['open brackets', '['.repeat(N)],
  ['brackets in an object', `{"headers":${'['.repeat(N)}${']'.repeat(N)}}`],
  ['objects in objects', `${'{"a":'.repeat(N)}1${'}'.repeat(N)}`],
  ['an object in a list', `{"headers":[${'{"a":1},'.repeat(N)}1]}`],
  ['keys', `{${Array.from({ length: N }, (_, i) => `"${i}":1`).join(',')}}`],
  ['empty lists', `{"headers":[${'[],'.repeat(N)}[]]}`],
  ['numbers', `{"headers":[${'1,'.repeat(N)}1]}`],
  ['a text without end', `{"message":"${'x'.repeat(N)}\\"`],
  ['closing brackets', `{${']'.repeat(N)}`],
])('%s are none', (_, line) => {
  expect(couldBeMessage(line)).toBe(false)
})
