import { describe, expect, test } from 'bun:test'
import { namedProfile } from '../capabilities/profiles.ts'
import { PrivateAllowance } from './addresses.ts'
import { Credentials, type CredentialUse, withoutPlaceholders } from './credentials.ts'
import type { HeaderLines } from './request-headers.ts'
import { checkTarget } from './target.ts'

const KEY = `fnsecret_${'a'.repeat(32)}`
const OTHER = `fnsecret_${'b'.repeat(32)}`
const UNKNOWN = `fnsecret_${'c'.repeat(32)}`

const credentials = Credentials.of([
  { name: 'PLAIN', value: 'in the worker', injection: undefined },
  { name: 'KEY', value: 'sk_live', injection: { placeholder: KEY, hosts: ['api.test'] } },
  {
    name: 'OTHER',
    value: 'other',
    injection: { placeholder: OTHER, hosts: ['b.test:8443', '[::1]'] },
  },
]) as Credentials

function fill(url: string, headers: HeaderLines) {
  const uses: CredentialUse[] = []
  const allowance = new PrivateAllowance([])
  const target = checkTarget(new URL(url), namedProfile('permissive', 'default'), allowance)
  try {
    return { headers: credentials.fill(target, headers, (use) => uses.push(use)), uses }
  } catch (error) {
    return { error: (error as Error).message, uses }
  }
}

describe('a placeholder', () => {
  test('is replaced in the header values of HTTPS requests to the hosts of its secret', () => {
    expect(
      fill('https://api.test/x', [
        ['authorization', `Bearer ${KEY}`],
        ['x', 'y'],
      ]),
    ).toEqual({
      headers: [
        ['authorization', 'Bearer sk_live'],
        ['x', 'y'],
      ],
      uses: [{ secret: 'KEY', host: 'api.test', outcome: 'done' }],
    })
    expect(fill('https://API.test:443/', [['a', `${KEY},${KEY}`]]).headers).toEqual([
      ['a', 'sk_live,sk_live'],
    ])
    expect(fill('https://b.test:8443/', [['a', OTHER]]).headers).toEqual([['a', 'other']])
  })

  test('is replaced in the user and password of basic authentication', () => {
    const basic = (text: string) => `Basic ${btoa(text)}`
    expect(fill('https://api.test/', [['authorization', basic(`user:${KEY}`)]]).headers).toEqual([
      ['authorization', basic('user:sk_live')],
    ])
    expect(fill('https://c.test/', [['authorization', basic(`${KEY}:`)]]).error).toContain('KEY')
    const plain = basic('user:password')
    expect(fill('https://c.test/', [['authorization', plain]]).headers).toEqual([
      ['authorization', plain],
    ])
  })

  const elsewhere: [string, string, HeaderLines][] = [
    ['to another host', 'https://c.test/', [['a', KEY]]],
    ['to a host below', 'https://x.api.test/', [['a', KEY]]],
    ['to another port', 'https://api.test:8443/', [['a', KEY]]],
    ['to the port that is not named', 'https://b.test/', [['a', OTHER]]],
    ['without TLS', 'http://api.test/', [['a', KEY]]],
    ['without TLS to port 443', 'http://api.test:443/', [['a', KEY]]],
    ['in the path', `https://api.test/${KEY}`, []],
    ['in the query', `https://api.test/?key=${KEY}`, []],
    ['in the fragment', `https://api.test/#${KEY}`, []],
    ['in the name of a header', 'https://api.test/', [[KEY, 'x']]],
  ]
  for (const [what, url, headers] of elsewhere) {
    test(`is refused ${what}`, () => {
      const { error, uses } = fill(url, headers)
      expect(error).toMatch(/secret (KEY|OTHER) (is for HTTPS requests to|stands in)/)
      expect(error).not.toMatch(/sk_live|other\b/)
      expect(uses.map(({ outcome }) => outcome)).toEqual(['refused'])
    })
  }

  test('that the function does not have is refused', () => {
    expect(fill('https://api.test/', [['a', UNKNOWN]]).error).toContain('does not have')
    expect(fill(`https://api.test/${UNKNOWN}`, []).headers).toEqual([])
  })

  test('leaves with its header when a redirect goes to another host', () => {
    const headers: HeaderLines = [
      ['x-key', KEY],
      ['authorization', `Basic ${btoa(`user:${KEY}`)}`],
      ['accept', '*/*'],
    ]
    expect(withoutPlaceholders(headers)).toEqual([['accept', '*/*']])
  })
})

describe('a body with a placeholder is refused', () => {
  const check = (parts: string[]) => {
    const body = credentials.bodyCheck('api.test', () => {})
    return parts.map((part) => body(Buffer.from(part)) !== undefined)
  }

  test('in one part, anywhere', () => {
    expect(check([`{"key":"${KEY}"}`])).toEqual([true])
    expect(check([`${'x'.repeat(1_000_000)}${KEY}`])).toEqual([true])
    expect(check([`fnsecret_${UNKNOWN}fnsecret_${KEY}`])).toEqual([true])
    expect(check([UNKNOWN, '', 'fnsecret_'])).toEqual([false, false, false])
  })

  test('cut anywhere into two parts, or into bytes', () => {
    const text = `ab${KEY}cd`
    for (let at = 1; at < text.length; at++) {
      const results = check([text.slice(0, at), text.slice(at)])
      expect(results).toContain(true)
    }
    expect(check([...text])).toContain(true)
    expect(check([...text].flatMap((byte) => [byte, '']))).toContain(true)
  })
})

test('a function without such secrets has no credentials', () => {
  expect(Credentials.of([])).toBeUndefined()
  expect(Credentials.of([{ name: 'A', value: 'x', injection: undefined }])).toBeUndefined()
})
