import { describe, expect, test } from 'bun:test'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

describe('sizes', () => {
  test('carry a unit, and MB is 2^20', () => {
    expect(parseSize('64MB')).toBe(64 * 1024 * 1024)
    expect(parseSize('1.5 gb')).toBe(1.5 * 1024 * 1024 * 1024)
    expect(parseSize('4096')).toBe(4096)
    expect(parseSize('0')).toBe(0)
  })

  test('without sense are none', () => {
    for (const text of [
      '',
      'lots',
      '-1MB',
      '1TB',
      '1e3',
      '0.5B',
      '64 M B',
      '9'.repeat(30),
      '0x10',
    ]) {
      expect(parseSize(text)).toBeUndefined()
    }
  })

  test('are shown in the largest whole unit', () => {
    expect(formatSize(100 * 2 ** 20)).toBe('100MB')
    expect(formatSize(1536)).toBe('1536B')
    expect(formatSize(0)).toBe('0B')
  })
})

describe('durations', () => {
  test('carry a unit', () => {
    expect(parseDuration('500ms')).toBe(500)
    expect(parseDuration('5s')).toBe(5000)
    expect(parseDuration('1.5min')).toBe(90_000)
    expect(parseDuration('2m')).toBe(120_000)
    expect(parseDuration('7d')).toBe(604_800_000)
    expect(parseDuration('0')).toBe(0)
  })

  test('without a unit or sense are none', () => {
    for (const text of ['', '5', 'soon', '-5s', '1.5ms', '5 parsecs']) {
      expect(parseDuration(text)).toBeUndefined()
    }
  })

  test('are shown in the largest whole unit', () => {
    expect(formatDuration(30_000)).toBe('30s')
    expect(formatDuration(300_000)).toBe('5min')
    expect(formatDuration(1500)).toBe('1500ms')
    expect(formatDuration(0)).toBe('0ms')
  })
})
