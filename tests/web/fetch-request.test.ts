/**
 * Parts of fetch that use no network: the mode no-cors, data: URLs, and dates, which must work
 * inside the sandbox.
 */
import { describe } from 'bun:test'
import { inWorker } from './harness.ts'

describe('a Request of the mode no-cors', () => {
  inWorker({
    'keeps the headers that it may have': () => {
      const headers = {
        accept: 'a/b',
        'accept-language': 'de',
        'content-type': 'text/plain; a=b',
        'x-own': '1',
        cookie: 'a=b',
        range: 'bytes=0-',
      }
      const request = new Request('http://a.test/', { mode: 'no-cors', headers })
      same([...request.headers.keys()], ['accept', 'accept-language', 'content-type'])
    },
    'takes no others later, in silence': () => {
      const { headers } = new Request('http://a.test/', { mode: 'no-cors' })
      headers.set('x-own', '1')
      headers.append('content-type', 'application/json')
      headers.append('accept', 'a(b')
      headers.append('accept-language', 'de_DE')
      headers.append('accept', 'x'.repeat(129))
      same([...headers], [])
      headers.append('accept', 'x'.repeat(100))
      headers.append('accept', 'y'.repeat(100))
      same(headers.get('accept')?.length, 100)
    },
    'deletes none that it could not have': () => {
      const request = new Request('http://a.test/', { headers: { 'x-own': '1', accept: 'a' } })
      const { headers } = new Request(request, { mode: 'no-cors' })
      headers.delete('x-own')
      headers.delete('accept')
      same([...headers], [])
    },
  })
})

describe('a data: URL', () => {
  inWorker({
    'has no body for HEAD': async () => {
      const response = await fetch('data:text/plain,hello', { method: 'HEAD' })
      same([response.status, response.headers.get('content-type')], [200, 'text/plain'])
      same([response.body, await response.text()], [null, ''])
      same(await (await fetch('data:text/plain,hello', { method: 'POST' })).text(), 'hello')
    },
  })
})

describe('dates in local time', () => {
  inWorker({
    'are those of UTC': () => {
      const date = new Date(0)
      same([date.getHours(), date.getTimezoneOffset()], [0, 0])
      same(date.toString().slice(0, 24), 'Thu Jan 01 1970 00:00:00')
      same(new Date(1970, 0, 1).getTime(), 0)
    },
  })
})
