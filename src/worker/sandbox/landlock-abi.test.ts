import { expect, test } from 'bun:test'
import { describeLandlock, landlockAbi } from './landlock-abi.ts'

test('the version is the one that the kernel reports', () => {
  expect(landlockAbi()).toBeGreaterThanOrEqual(0)
  expect(landlockAbi()).toBeLessThan(100)
})

test('a version names what it restricts, and what a later kernel would add', () => {
  expect(describeLandlock(2)).toBe(
    'version 2: limits files by path; this kernel lacks: truncation counts as writing (Linux 6.2), no ports (Linux 6.7), no ioctl on devices (Linux 6.10), signals and abstract sockets stay inside (Linux 6.12)',
  )
  expect(describeLandlock(7)).toBe(
    'version 7: limits files by path; truncation counts as writing; no ports; no ioctl on devices; signals and abstract sockets stay inside',
  )
})
