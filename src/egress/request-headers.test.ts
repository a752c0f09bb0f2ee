import { expect, test } from 'bun:test'
import { declaredLength, type HeaderLines, requestHeaders } from './request-headers.ts'

test('a function cannot set the headers of the connection', () => {
  const asked: HeaderLines = [
    ['Host', 'other.test'],
    ['Connection', 'upgrade'],
    ['Transfer-Encoding', 'chunked'],
    ['Content-Length', '5'],
    ['Keep-Alive', 'x'],
    ['Upgrade', 'websocket'],
    ['TE', 'trailers'],
    ['Trailer', 'x'],
    ['Expect', '100-continue'],
    ['Proxy-Connection', 'x'],
    ['HTTP2-Settings', 'x'],
    ['X-Own', '1'],
  ]
  expect(requestHeaders(asked, 'agent').map(([name]) => name)).toEqual([
    'x-own',
    'accept',
    'accept-language',
    'user-agent',
    'accept-encoding',
  ])
})

test('headers for proxies, or for a forbidden method, are removed', () => {
  const asked: HeaderLines = [
    ['Proxy-Authorization', 'secret'],
    ['Proxy-Test', '1'],
    ['X-HTTP-Method', 'TRACE'],
    ['x-http-method-override', 'GET, track'],
    ['X-Method-Override', 'PUT'],
  ]
  const names = requestHeaders(asked, 'agent').map(([name]) => name)
  expect(names.slice(0, 2)).toEqual(['proxy-authorization', 'x-method-override'])
  expect(names).not.toContain('proxy-test')
  expect(names).not.toContain('x-http-method')
})

test('headers that the function sets replace the defaults', () => {
  const lines = requestHeaders(
    [
      ['Accept', 'text/html'],
      ['User-Agent', 'own'],
    ],
    'agent',
  )
  expect(lines.filter(([name]) => name === 'accept')).toEqual([['accept', 'text/html']])
  expect(lines.filter(([name]) => name === 'user-agent')).toEqual([['user-agent', 'own']])
})

test('a range request asks for an unencoded body', () => {
  expect(requestHeaders([['range', 'bytes=0-1']], 'agent')).toContainEqual([
    'accept-encoding',
    'identity',
  ])
})

test('a declared length is used only if it is one number', () => {
  expect(declaredLength([['content-length', '12']])).toBe(12)
  expect(declaredLength([['content-length', '-1']])).toBeUndefined()
  expect(declaredLength([['content-length', '1, 1']])).toBeUndefined()
  expect(
    declaredLength([
      ['content-length', '1'],
      ['content-length', '2'],
    ]),
  ).toBeUndefined()
  expect(declaredLength([])).toBeUndefined()
})
