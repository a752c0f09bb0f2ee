import { describe, expect, test } from 'bun:test'
import { isMetadataName, PrivateAllowance, specialKind } from './addresses.ts'

describe('specialKind', () => {
  const special: [address: string, kind: string][] = [
    ['0.0.0.0', 'an unspecified address'],
    ['0.1.2.3', 'an unspecified address'],
    ['10.0.0.1', 'a private address'],
    ['100.64.0.1', 'an address of a carrier’s NAT'],
    ['100.127.255.255', 'an address of a carrier’s NAT'],
    ['127.0.0.1', 'a loopback address'],
    ['127.255.255.254', 'a loopback address'],
    ['169.254.169.254', 'a link-local address'],
    ['168.63.129.16', 'the address of a metadata service'],
    ['172.16.0.1', 'a private address'],
    ['172.31.255.255', 'a private address'],
    ['192.0.0.192', 'a reserved address'],
    ['192.0.2.1', 'a reserved address'],
    ['192.88.99.1', 'a reserved address'],
    ['192.168.1.1', 'a private address'],
    ['198.18.0.1', 'a reserved address'],
    ['198.51.100.1', 'a reserved address'],
    ['203.0.113.1', 'a reserved address'],
    ['224.0.0.1', 'a multicast address'],
    ['240.0.0.1', 'a reserved address'],
    ['255.255.255.255', 'a broadcast address'],
    ['::', 'an unspecified address'],
    ['::1', 'a loopback address'],
    ['::7f00:1', 'a reserved address'],
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['::ffff:a00:1', 'a private address'],
    ['64:ff9b::10.0.0.1', 'a private address'],
    ['64:ff9b::7f00:1', 'a loopback address'],
    ['64:ff9b:1::1', 'a reserved address'],
    ['100::1', 'a reserved address'],
    ['2001::1', 'a reserved address'],
    ['2001:2::1', 'a reserved address'],
    ['2001:10::1', 'a reserved address'],
    ['2001:db8::1', 'a reserved address'],
    ['2002:7f00:1::', 'a reserved address'],
    ['2002:808:808::1', 'a reserved address'],
    ['3fff::1', 'a reserved address'],
    ['5f00::1', 'a reserved address'],
    ['fc00::1', 'a private address'],
    ['fd00:ec2::254', 'a private address'],
    ['fe80::1', 'a link-local address'],
    ['fec0::1', 'a private address'],
    ['ff02::1', 'a multicast address'],
    ['4000::1', 'a reserved address'],
    ['fe80::1%eth0', 'no address'],
    ['example.com', 'no address'],
  ]
  for (const [address, kind] of special) {
    test(`${address} is ${kind}`, () => expect(specialKind(address)).toBe(kind))
  }

  const open = ['8.8.8.8', '1.1.1.1', '100.63.255.255', '100.128.0.1', '172.32.0.1', '11.0.0.1']
  for (const address of [...open, '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808']) {
    test(`${address} is public`, () => expect(specialKind(address)).toBeUndefined())
  }
})

describe('PrivateAllowance', () => {
  const allowance = new PrivateAllowance([
    '127.0.0.1:8080',
    '[::1]:9090',
    '10.1.0.0/16',
    'fd00::/8',
  ])

  test('an address with a port allows exactly these', () => {
    expect(allowance.allows('127.0.0.1', 8080)).toBe(true)
    expect(allowance.allows('127.0.0.1', 8081)).toBe(false)
    expect(allowance.allows('127.0.0.2', 8080)).toBe(false)
    expect(allowance.allows('::1', 9090)).toBe(true)
    expect(allowance.allows('::1', 8080)).toBe(false)
  })

  test('an address counts in every spelling', () => {
    expect(allowance.allows('::ffff:127.0.0.1', 8080)).toBe(true)
    expect(allowance.allows('0:0:0:0:0:0:0:1', 9090)).toBe(true)
    expect(allowance.allows('64:ff9b::10.1.2.3', 80)).toBe(true)
  })

  test('a network allows its addresses on every port, and no others', () => {
    expect(allowance.allows('10.1.255.1', 1)).toBe(true)
    expect(allowance.allows('10.2.0.1', 1)).toBe(false)
    expect(allowance.allows('fd12::1', 443)).toBe(true)
    expect(allowance.allows('fe80::1', 443)).toBe(false)
  })

  test('a network names no port', () => {
    expect(allowance.names('10.1.0.1', 25)).toBe(false)
    expect(allowance.names('127.0.0.1', 8080)).toBe(true)
    expect(allowance.namesPort(8080)).toBe(true)
    expect(allowance.namesPort(25)).toBe(false)
  })
})

test('names of metadata services', () => {
  expect(isMetadataName('metadata.google.internal')).toBe(true)
  expect(isMetadataName('metadata.example.com')).toBe(false)
})
