/** Where a function may go: the rules, and the tricks that are played on them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import type { Egress } from '../../src/egress/egress.ts'
import { EgressQuota } from '../../src/egress/quota.ts'
import { DnsServer } from './dns-server.ts'
import { fetchOnce, makeEgress, makeSession } from './harness.ts'
import { httpUpstream, type Upstream } from './upstream.ts'

let dns: DnsServer
let upstream: Upstream
/** Nobody named this one: what reaches it went through the wall. */
let forbidden: Upstream
let egress: Egress
let forbiddenHits = 0

beforeAll(async () => {
  dns = await DnsServer.start()
  forbidden = await httpUpstream((_request, response) => {
    forbiddenHits++
    response.end('inside')
  })
  upstream = await httpUpstream((request, response) => {
    const { url = '' } = request
    if (!url.startsWith('/to?')) {
      response.end(`${request.method} ${request.headers.host}`)
      return
    }
    response.writeHead(302, { location: decodeURIComponent(url.slice(4)) }).end()
  })
  egress = makeEgress({ resolver: dns.address, allowPrivate: [upstream.address] })
})

afterAll(() => {
  egress.close()
  upstream.close()
  forbidden.close()
  dns.close()
})

async function expectRefusal(
  url: string,
  why: string,
  capabilities: Partial<Capabilities> = {},
): Promise<void> {
  const before = forbiddenHits
  const { error, head } = await fetchOnce(makeSession(egress, capabilities), url)
  expect(head).toBeUndefined()
  expect(error?.code).toBe('REFUSED')
  expect(error?.message).toContain(why)
  expect(forbiddenHits).toBe(before)
}

describe('hosts that are an address', () => {
  const cases: [host: string, why: string][] = [
    ['127.0.0.1', 'loopback'],
    ['127.1', 'loopback'],
    ['2130706433', 'loopback'],
    ['0x7f000001', 'loopback'],
    ['0x7f.0.0.1', 'loopback'],
    ['0177.0.0.1', 'loopback'],
    ['017700000001', 'loopback'],
    ['127.0.0.1.', 'loopback'],
    ['①②⑦.0.0.1', 'loopback'],
    ['0', 'unspecified'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['192.168.0.1', 'private'],
    ['3232235521', 'private'],
    ['169.254.169.254', 'link-local'],
    ['0xa9fea9fe', 'link-local'],
    ['100.100.100.200', 'NAT'],
    ['168.63.129.16', 'metadata'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['192.0.2.1', 'reserved'],
    ['[::1]', 'loopback'],
    ['[::]', 'unspecified'],
    ['[::ffff:127.0.0.1]', 'loopback'],
    ['[::ffff:a9fe:a9fe]', 'link-local'],
    ['[64:ff9b::7f00:1]', 'loopback'],
    ['[2002:7f00:1::]', 'reserved'],
    ['[2001:0:7f00:1::]', 'reserved'],
    ['[fd00:ec2::254]', 'private'],
    ['[fe80::1]', 'link-local'],
    ['[ff02::1]', 'multicast'],
  ]
  for (const [host, why] of cases) {
    test(`${host} is ${why}`, () => expectRefusal(`http://${host}:${forbidden.port}/`, why))
  }

  test('another port of an address that was named', () =>
    expectRefusal(`http://127.0.0.1:${forbidden.port}/`, 'loopback'))

  test('the address and port that was named is reached in every spelling', async () => {
    for (const host of ['127.0.0.1', '2130706433', '[::ffff:7f00:1]', 'localhost', 'a.localhost']) {
      const { body, error } = await fetchOnce(
        makeSession(egress),
        `http://${host}:${upstream.port}/`,
      )
      expect(error?.message).toBeUndefined()
      expect(body.toString()).toStartWith('GET ')
    }
  })
})

describe('hosts that are a name', () => {
  const cases: [name: string, answer: string[], why: string][] = [
    ['loop.test', ['127.0.0.1'], 'loop.test resolves to a loopback address'],
    ['private.test', ['10.1.2.3'], 'private'],
    ['mapped.test', ['::ffff:a01:203'], 'private'],
    ['local6.test', ['fe80::1'], 'link-local'],
    ['cname.test', ['CNAME internal.test', '192.168.7.7'], 'private'],
    ['mixed.test', ['8.8.8.8', '10.1.2.3'], 'private'],
    ['mixed6.test', ['8.8.8.8', 'fd00::1'], 'private'],
    ['cloud.test', ['169.254.169.254'], 'link-local'],
    ['metadata.google.internal', ['8.8.8.8'], 'metadata'],
    ['instance-data', ['8.8.4.4'], 'metadata'],
    ['metadata.google.internal.', ['8.8.8.8'], 'metadata'],
  ]
  for (const [name, answer, why] of cases) {
    test(`${name} as ${answer.join(' and ')}`, async () => {
      dns.zone[name.replace(/\.$/, '')] = [answer]
      await expectRefusal(`http://${name}:${forbidden.port}/`, why)
    })
  }

  test('localhost is this machine, whatever the DNS server says', async () => {
    dns.zone.localhost = [['8.8.8.8']]
    await expectRefusal(`http://localhost:${forbidden.port}/`, 'loopback')
    expect(dns.questions).not.toContain('localhost')
  })

  test('a name that answers first with an allowed and then with a forbidden address is looked up once', async () => {
    dns.zone['rebind.test'] = [['127.0.0.1'], ['127.0.0.2']]
    const session = makeSession(egress)
    const { body, error } = await fetchOnce(session, `http://rebind.test:${upstream.port}/`)
    expect(error?.message).toBeUndefined()
    expect(body.toString()).toBe(`GET rebind.test:${upstream.port}`)
    expect(dns.questions.filter((name) => name === 'rebind.test')).toHaveLength(1)
    // The second fetch looks it up again, and the new answer is checked too.
    await expectRefusal(`http://rebind.test:${upstream.port}/`, 'loopback')
  })

  test('a name that does not exist', async () => {
    const { error } = await fetchOnce(makeSession(egress), 'http://nobody.test/')
    expect(error?.message).toBe('nobody.test could not be resolved: the name does not exist.')
  })

  test('a DNS server that does not answer', async () => {
    dns.zone['silent.test'] = ['silent']
    const quick = makeEgress({ resolver: dns.address, connectTimeoutMs: 300 })
    const { error } = await fetchOnce(makeSession(quick), 'http://silent.test/')
    expect(error?.message).toContain('silent.test')
  })
})

describe('URLs', () => {
  test('userinfo, whatever it looks like', async () => {
    await expectRefusal(`http://user:pass@127.0.0.1:${upstream.port}/`, 'credentials')
    await expectRefusal(`http://example.com@127.0.0.1:${forbidden.port}/`, 'credentials')
    await expectRefusal(`http://:pw@127.0.0.1:${upstream.port}/`, 'credentials')
    await expectRefusal(`http://example.com%2f@127.0.0.1:${forbidden.port}/`, 'credentials')
  })

  test('a backslash ends the host, as the URL parser says', () =>
    expectRefusal(`http://127.0.0.1:${forbidden.port}\\@example.com/`, 'loopback'))

  for (const url of [
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://example.com/',
    'ws://a/',
  ]) {
    test(url, () => expectRefusal(url, 'is not supported: use http or https'))
  }

  test('an invalid URL', () => expectRefusal('http://[', 'The URL is not valid'))

  for (const port of [0, 22, 25, 53, 110, 6667, 10080]) {
    test(`port ${port} is blocked, also at a public address`, () =>
      expectRefusal(`http://8.8.8.8:${port}/`, 'is blocked'))
  }

  test('a bad port that the operator allowed with its address', async () => {
    const own = makeEgress({ allowPrivate: ['127.0.0.1:6667'] })
    const { error } = await fetchOnce(makeSession(own), 'http://127.0.0.1:6667/')
    expect(error?.message).toContain('refused the connection')
    const other = await fetchOnce(makeSession(own), 'http://8.8.8.8:6667/')
    expect(other.error?.message).toContain('is blocked')
  })
})

describe('capabilities', () => {
  test('no network at all', () =>
    expectRefusal(`http://127.0.0.1:${upstream.port}/`, 'allowNetwork', { allowNetwork: false }))

  test('a domain that is not allowed, whatever its address', () => {
    const allowedDomains = ['api.test', '*.example.test']
    return expectRefusal(`http://127.0.0.1:${upstream.port}/`, 'allowedDomains', { allowedDomains })
  })

  const wrong = [
    'example.test',
    'api.test.evil.test',
    'evilapi.test',
    'aexample.test',
    'x.api.test',
  ]
  for (const host of wrong) {
    test(`${host} is neither api.test nor *.example.test`, () =>
      expectRefusal(`http://${host}/`, 'allowedDomains', {
        allowedDomains: ['api.test', '*.example.test'],
      }))
  }

  test('an allowed domain in any spelling', async () => {
    const session = makeSession(egress, { allowedDomains: ['api.test', '*.example.test'] })
    for (const host of [
      'api.test',
      'API.test',
      'api.test.',
      'a.example.test',
      'a.b.example.test',
    ]) {
      dns.zone[host.toLowerCase().replace(/\.$/, '')] = [['127.0.0.1']]
      const { body, error } = await fetchOnce(session, `http://${host}:${upstream.port}/`)
      expect(error?.message).toBeUndefined()
      expect(body.toString().toLowerCase()).toStartWith(`get ${host.toLowerCase()}`)
    }
  })

  test('an allowed domain may still not lead inside', () => {
    dns.zone['api.test'] = [['10.0.0.1']]
    return expectRefusal('http://api.test/', 'private', { allowedDomains: ['api.test'] })
  })
})

describe('redirects', () => {
  const cases: [what: string, to: () => string, why: string][] = [
    ['an address inside', () => `http://127.0.0.1:${forbidden.port}/`, 'loopback'],
    ['a decimal address', () => `http://2130706433:${forbidden.port}/`, 'loopback'],
    ['an IPv6 address', () => `http://[::1]:${forbidden.port}/`, 'loopback'],
    ['a metadata service', () => 'http://169.254.169.254/latest/meta-data/', 'link-local'],
    ['a name that leads inside', () => `http://hop.test:${forbidden.port}/`, 'loopback'],
    ['a bad port', () => 'http://8.8.8.8:25/', 'is blocked'],
    ['a file', () => 'file:///etc/passwd', 'is not supported: use http or https'],
    ['a data URL', () => 'data:text/plain,x', 'is not supported: use http or https'],
    ['a URL with credentials', () => `http://a:b@127.0.0.1:${upstream.port}/`, 'credentials'],
  ]
  for (const [what, to, why] of cases) {
    test(`to ${what}`, () => {
      dns.zone['hop.test'] = [['127.0.0.1']]
      const target = encodeURIComponent(to())
      return expectRefusal(`http://127.0.0.1:${upstream.port}/to?${target}`, why)
    })
  }

  test('to a domain that is not allowed', () => {
    dns.zone['api.test'] = [['127.0.0.1']]
    const to = encodeURIComponent(`http://127.0.0.1:${upstream.port}/`)
    return expectRefusal(`http://api.test:${upstream.port}/to?${to}`, 'allowedDomains', {
      allowedDomains: ['api.test'],
    })
  })

  test('each hop is resolved for itself', async () => {
    dns.zone['first.test'] = [['127.0.0.1']]
    dns.zone['second.test'] = [['127.0.0.1'], ['10.0.0.1']]
    const to = encodeURIComponent(`http://second.test:${upstream.port}/end`)
    const url = `http://first.test:${upstream.port}/to?${to}`
    const { head, body } = await fetchOnce(makeSession(egress), url)
    expect(head?.url).toBe(`http://second.test:${upstream.port}/end`)
    expect(head?.redirected).toBe(true)
    expect(body.toString()).toBe(`GET second.test:${upstream.port}`)
    await expectRefusal(url, 'second.test resolves to a private address')
  })
})

describe('an invocation that floods fetches', () => {
  test('is refused before any work is done: its subrequests are used up', () => {
    const quota = new EgressQuota({ maxSubrequests: 2, maxOpen: 1, maxBodyBytes: 0 })
    expect(quota.ask()).toBeUndefined()
    quota.spend()
    quota.spend()
    const refusal = quota.ask()
    expect(refusal?.code).toBe('REFUSED')
    expect(refusal?.message).toContain('may make at most 2 outbound requests')
    expect(quota.ask()).toBe(refusal as never)
    expect(() => quota.spend()).toThrow('may make at most 2 outbound requests')
  })

  test('also if no request was ever sent', () => {
    const session = makeSession(makeEgress({ maxSubrequests: 2 }))
    const answers = Array.from({ length: 9 }, () => session.ask())
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1)
    expect(answers.at(-1)?.code).toBe('REFUSED')
  })
})
