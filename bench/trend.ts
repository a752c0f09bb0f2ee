/** The trend of a series: a least-squares line, and whether its slope is more than noise. */

export interface Point {
  /** Seconds since the start. */
  seconds: number
  value: number
}

export interface Trend {
  mean: number
  slopePerHour: number
  standardErrorPerHour: number
  /** What the slope adds over the time of the points. */
  growth: number
  /** Growth up to which the series counts as flat: three standard errors, or `floor` if that is more. */
  allowance: number
  flat: boolean
}

const HOUR_S = 3600
const STANDARD_ERRORS = 3
/** A correlation of 1 would mean an infinite error. */
const MAX_CORRELATION = 0.98

/**
 * Neighbouring samples are alike: a worker that is replaced changes all that follow. The standard error
 * is widened by the correlation of each residual with the next one, as if there were fewer samples.
 *
 * @param floor growth that never counts, in the unit of the values
 */
export function trendOf(points: readonly Point[], floor: number): Trend {
  const count = points.length
  if (count < 3) throw new Error(`A trend needs three points, not ${count}.`)
  const meanTime = meanOf(points.map(({ seconds }) => seconds))
  const mean = meanOf(points.map(({ value }) => value))
  const spread = sumOf(points.map(({ seconds }) => (seconds - meanTime) ** 2))
  const slope =
    sumOf(points.map(({ seconds, value }) => (seconds - meanTime) * (value - mean))) / spread
  const residuals = points.map(({ seconds, value }) => value - mean - slope * (seconds - meanTime))
  const squares = sumOf(residuals.map((residual) => residual ** 2))
  const plain = Math.sqrt(squares / (count - 2) / spread)
  const correlation = Math.min(MAX_CORRELATION, Math.max(0, correlationOf(residuals, squares)))
  const standardError = plain * Math.sqrt((1 + correlation) / (1 - correlation))
  const duration = (points.at(-1) as Point).seconds - (points[0] as Point).seconds
  const growth = slope * duration
  const allowance = Math.max(STANDARD_ERRORS * standardError * duration, floor)
  return {
    mean,
    slopePerHour: slope * HOUR_S,
    standardErrorPerHour: standardError * HOUR_S,
    growth,
    allowance,
    flat: growth <= allowance,
  }
}

function correlationOf(residuals: readonly number[], squares: number): number {
  if (squares === 0) return 0
  return (
    sumOf(residuals.slice(1).map((residual, i) => residual * (residuals[i] as number))) / squares
  )
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)
const meanOf = (values: readonly number[]): number => sumOf(values) / values.length
