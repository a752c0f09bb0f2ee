import { expect, test } from 'bun:test'
import { type Point, trendOf } from '../../bench/trend.ts'

/** An hour of samples, 5 s apart. */
const series = (valueAt: (index: number) => number): Point[] =>
  Array.from({ length: 720 }, (_, index) => ({ seconds: index * 5, value: valueAt(index) }))
/** The same numbers in every run, from -1 to 1. */
const noise = (index: number) => Math.sin(index * 12.9898) * Math.cos(index * 78.233)

test('the slope of a line is exact, and more than noise', () => {
  const trend = trendOf(
    series((index) => 100 + index * 0.5),
    1,
  )
  expect(trend.slopePerHour).toBeCloseTo(360, 6)
  expect(trend.growth).toBeCloseTo(359.5, 6)
  expect(trend.standardErrorPerHour).toBeCloseTo(0, 6)
  expect(trend.flat).toBe(false)
})

test('noise around a level is flat', () => {
  expect(
    trendOf(
      series((index) => 200 + 20 * noise(index)),
      0,
    ).flat,
  ).toBe(true)
})

test('a level that falls is flat: only growth is a leak', () => {
  expect(
    trendOf(
      series((index) => 500 - index),
      0,
    ).flat,
  ).toBe(true)
})

test('a small leak below much noise is found', () => {
  expect(
    trendOf(
      series((index) => 200 + 20 * noise(index) + index * 0.02),
      1,
    ).flat,
  ).toBe(false)
})

test('a sawtooth is flat: workers grow and are replaced', () => {
  const sawtooth = series((index) => 200 + (index % 110) * 0.5)
  expect(trendOf(sawtooth, 0).flat).toBe(true)
})

test('growth below the floor does not count', () => {
  const slow = series((index) => 100 + index * 0.001)
  expect(trendOf(slow, 1).flat).toBe(true)
  expect(trendOf(slow, 0.1).flat).toBe(false)
})

test('two points have no trend', () => {
  expect(() => trendOf(series(() => 1).slice(0, 2), 0)).toThrow('three points')
})
