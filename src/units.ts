/** Parses and formats sizes and durations: `64MB`, `500ms`. MB = 2^20 bytes. */

const SIZE_UNITS = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 } as const
const DURATION_UNITS = {
  ms: 1,
  s: 1000,
  min: 60_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
} as const

/** Bytes of a size such as `100MB`, `1.5 GB` or `4096`; undefined if it is not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmg]?b)?$/i.exec(text.trim())
  if (match === null) {
    return undefined
  }
  const unit = (match[2] ?? 'B').toUpperCase() as keyof typeof SIZE_UNITS
  return whole(Number(match[1]) * SIZE_UNITS[unit])
}

/**
 * Milliseconds of a duration such as `5s`, `500ms`, `1.5min` or `0`; undefined if it is not a
 * duration.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|min|m|h|d)$/.exec(text.trim())
  if (match === null) {
    return text.trim() === '0' ? 0 : undefined
  }
  return whole(Number(match[1]) * DURATION_UNITS[match[2] as keyof typeof DURATION_UNITS])
}

/** `64MB` for 67108864: in the largest unit without a fraction. */
export function formatSize(bytes: number): string {
  const unit = (['GB', 'MB', 'KB'] as const).find((name) => divides(bytes, SIZE_UNITS[name]))
  return unit === undefined ? `${bytes}B` : `${bytes / SIZE_UNITS[unit]}${unit}`
}

/** `5s` for 5000: in the largest unit without a fraction. */
export function formatDuration(ms: number): string {
  const unit = (['d', 'h', 'min', 's'] as const).find((name) => divides(ms, DURATION_UNITS[name]))
  return unit === undefined ? `${ms}ms` : `${ms / DURATION_UNITS[unit]}${unit}`
}

function divides(value: number, unit: number): boolean {
  return value >= unit && value % unit === 0
}

/** Fractions of a byte or millisecond are refused, not rounded. */
function whole(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined
}
