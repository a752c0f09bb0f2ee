import { describe, expect, test } from 'bun:test'
import { exceeds } from './ceiling.ts'
import { namedProfile } from './profiles.ts'
import type { Capabilities } from './schema.ts'

const strict = namedProfile('strict', 'shop')
const permissive = namedProfile('permissive', 'shop')
const net = (...allowedDomains: string[]): Capabilities => ({
  ...strict,
  allowNetwork: true,
  allowedDomains,
})
const files = (...allowedPaths: string[]): Capabilities => ({
  ...strict,
  allowFilesystem: true,
  allowedPaths,
})

describe('capabilities stay below a ceiling', () => {
  test.each([
    ['equal ones', strict, strict],
    ['narrower ones', strict, permissive],
    ['lower limits', { ...strict, maxMemory: 2 ** 20, maxCpu: 1 }, strict],
    ['a domain of a wildcard', net('a.example.com', '*.b.example.com'), net('*.example.com')],
    ['domains of a ceiling without a list', net('a.example.com'), net()],
    ['a path of the list', files('/srv/a'), files('/srv/a', '/srv/b')],
    ['a path that is only read', files('/srv/a:ro'), files('/srv/a')],
    ['paths without the right to files', { ...strict, allowedPaths: ['/etc'] }, files('/srv/a')],
  ])('%s', (_name, given, ceiling) => {
    expect(exceeds(given, ceiling)).toBeUndefined()
  })

  test.each([
    ['allowNetwork', net(), strict],
    ['allowFilesystem', files(), strict],
    ['allowEval', { ...strict, allowEval: true }, strict],
    ['allowChildProcess', permissive, { ...permissive, allowChildProcess: false }],
    ['maxMemory', { ...strict, maxMemory: strict.maxMemory + 1 }, strict],
    ['maxCpu', { ...strict, maxCpu: strict.maxCpu + 1 }, strict],
    ['maxFileDescriptors', { ...strict, maxFileDescriptors: 11 }, strict],
    ['allowedDomains is empty', net(), net('a.example.com')],
    ['allowedDomains has example.com', net('example.com'), net('*.example.com')],
    ['allowedDomains has *.com', net('*.com'), net('*.example.com')],
    ['allowedDomains has badexample.com', net('badexample.com'), net('*.example.com')],
    ['allowedPaths is empty', files(), files('/srv')],
    ['allowedPaths has /srv/a', files('/srv/a'), files('/srv')],
    ['allowedPaths has /srv', files('/srv'), files('/srv:ro')],
    ['allowedPaths has /srv/../etc', files('/srv/../etc'), files('/srv')],
  ])('they exceed it: %s', (what, given, ceiling) => {
    expect(exceeds(given, ceiling)).toContain(what)
  })
})
