import { expect, test } from 'bun:test'
import type { AuditEntry } from '../metadata/audit-entry.ts'
import { CredentialAudit } from './credential-audit.ts'

test('each use is counted by function, secret and host', () => {
  const entries: AuditEntry[] = []
  const audit = new CredentialAudit({ count: (entry) => entries.push(entry) })
  const subject = { project: 'shop', functionId: 'func-shop.api', functionName: 'api' }
  audit.note(subject, { secret: 'KEY', host: 'api.test', outcome: 'done' })
  audit.note(subject, { secret: 'KEY', host: 'evil.test', outcome: 'refused' })
  expect(entries).toMatchObject([
    {
      project: 'shop',
      actor: 'egress',
      action: 'secret.use',
      object: 'api',
      outcome: 'done',
      details: { secret: 'KEY', host: 'api.test' },
    },
    { outcome: 'refused', details: { secret: 'KEY', host: 'evil.test' } },
  ])
})

test('a function cannot fill the audit with the names of hosts', () => {
  const hosts = new Set<unknown>()
  const audit = new CredentialAudit({ count: ({ details }) => hosts.add(details.host) })
  const subject = { project: 'shop', functionId: 'func-shop.api', functionName: 'api' }
  const refused = (at: number, now: number) =>
    audit.note(subject, { secret: 'KEY', host: `h${at}.test`, outcome: 'refused' }, now)
  for (let at = 0; at < 1000; at++) refused(at, 100_000)
  expect(hosts.size).toBe(21)
  expect(hosts).toContain('other hosts')
  refused(1000, 200_000)
  expect(hosts).toContain('h1000.test')
})
